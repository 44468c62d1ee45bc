"""io.kestra.plugin.core.state.Delete: forget a state."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, TaskOutput
from kestra_stream.plugin.core.state.states import StateTask


class DeleteOutput(TaskOutput):
    """Whether there was one."""

    deleted: bool = Field(description="Whether there was such a state.")


class Delete(StateTask):
    """Delete a state."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.state.Delete"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Delete",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: forget
        type: io.kestra.plugin.core.state.Delete
        name: progress
        """,
    )

    error_on_missing: Property[bool] = Field(default=Property.of("false", bool), description="Fail when there is no such state.")

    def run(self, context: RunContext) -> DeleteOutput:
        deleted = context.engine.storage.delete(context.info.tenant_id, self.uri(context)) > 0
        if not deleted and context.render(self.error_on_missing):
            raise NotFound(f"there is no state `{context.render(self.name)}`")
        return DeleteOutput(deleted=deleted)
