"""io.kestra.plugin.core.execution.Exit: end the execution here."""

from typing import ClassVar, Literal

from pydantic import Field

from kestra_stream.models.behaviour import Exit as End
from kestra_stream.models.property import Property
from kestra_stream.models.task import Task

ExitState = Literal["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELED", "CANCELLED"]


class Exit(Task):
    """End the execution with a state; no further task starts."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.Exit"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: enough
        type: io.kestra.plugin.core.execution.Exit
        state: WARNING
        """,
    )

    state: Property[ExitState] = Field(
        default=Property.of("SUCCESS", ExitState), description="How it ends: SUCCESS, WARNING, KILLED, FAILED or CANCELED."
    )

    def behaviour(self) -> End:
        return End(self.state.raw)
