"""io.kestra.plugin.core.storage.Delete: remove a stored file."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class DeleteOutput(TaskOutput):
    """The file, and whether it was there."""

    uri: str = Field(description="URI of the file.")
    deleted: bool = Field(description="Whether it was there.")


class Delete(RunnableTask):
    """Delete a file."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Delete"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Delete",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: remove
        type: io.kestra.plugin.core.storage.Delete
        uri: "{{ outputs.note.uri }}"
        """,
    )

    uri: Property[str] = Field(description="The file.")
    error_on_missing: Property[bool] = Field(default=Property.of("false", bool), description="Fail when there is no such file.")

    def run(self, context: RunContext) -> DeleteOutput:
        uri = context.render(self.uri)
        deleted = context.files.delete(uri)
        if not deleted and context.render(self.error_on_missing):
            raise NotFound(f"there is no file {uri}")
        return DeleteOutput(uri=uri, deleted=deleted)
