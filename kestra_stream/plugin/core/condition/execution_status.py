"""io.kestra.plugin.core.condition.ExecutionStatus: an execution in some state."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.state import StateType
from kestra_stream.plugin.core.condition.asked_execution import asked_execution


class ExecutionStatus(Condition):
    """Hold for executions whose state is one of `in` (when given) and none of `notIn`."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.ExecutionStatus"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionStatusCondition",
        "io.kestra.plugin.core.condition.ExecutionStatusCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.ExecutionStatus
        in: [FAILED, WARNING]
        """,
    )

    in_: tuple[StateType, ...] = Field(default=(), alias="in", description="States for which it holds.")
    not_in: tuple[StateType, ...] = Field(default=(), description="States for which it does not hold.")

    def test(self, context: ConditionContext) -> bool:
        state = asked_execution(self, context).state.current
        return (not self.in_ or state in self.in_) and state not in self.not_in
