"""io.kestra.plugin.core.storage.Size: how big a stored file is."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class SizeOutput(TaskOutput):
    """Size in bytes."""

    size: int = Field(description="Size in bytes.")


class Size(RunnableTask):
    """Tell the size of a file."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Size"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Size",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: size
        type: io.kestra.plugin.core.storage.Size
        uri: "{{ inputs.file }}"
        """,
    )

    uri: Property[str] = Field(description="The file.")

    def run(self, context: RunContext) -> SizeOutput:
        return SizeOutput(size=context.files.size(context.render(self.uri)))
