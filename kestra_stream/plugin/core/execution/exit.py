"""io.kestra.plugin.core.execution.Exit: end the execution here."""

from typing import ClassVar, Literal

from pydantic import Field

from kestra_stream.models.behaviour import Exit as End
from kestra_stream.models.task import Task


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

    state: Literal["SUCCESS", "WARNING", "KILLED", "FAILED", "CANCELED", "CANCELLED"] = Field(default="SUCCESS", description="How it ends.")

    def behaviour(self) -> End:
        return End(self.state)
