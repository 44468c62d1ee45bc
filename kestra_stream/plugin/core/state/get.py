"""io.kestra.plugin.core.state.Get: read a state."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, TaskOutput
from kestra_stream.plugin.core.state.states import StateTask, read_state


class GetOutput(TaskOutput):
    """The values, and how many there are."""

    data: dict[str, Any] = Field(description="The values; empty when there is no such state.")
    count: int = Field(description="How many values there are.")


class Get(StateTask):
    """Read a state; without one the data is empty."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.state.Get"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Get",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: recall
        type: io.kestra.plugin.core.state.Get
        name: progress
        """,
    )

    error_on_missing: Property[bool] = Field(default=Property.of("false", bool), description="Fail when there is no such state.")

    def run(self, context: RunContext) -> GetOutput:
        data = read_state(context, self.uri(context))
        if data is None and context.render(self.error_on_missing):
            raise NotFound(f"there is no state `{context.render(self.name)}`")
        return GetOutput(data=data or {}, count=len(data or {}))
