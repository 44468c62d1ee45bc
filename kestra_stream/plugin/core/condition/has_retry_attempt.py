"""io.kestra.plugin.core.condition.HasRetryAttempt: a task that was tried again."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.state import StateType


class HasRetryAttempt(Condition):
    """Hold when a task run was tried more than once and one of its attempts ended in such a state."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.HasRetryAttempt"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.HasRetryAttemptCondition",
        "io.kestra.plugin.core.condition.HasRetryAttemptCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.HasRetryAttempt
        in: [FAILED]
        """,
    )

    in_: tuple[StateType, ...] = Field(min_length=1, alias="in", description="States of attempts for which it holds.")

    def test(self, context: ConditionContext) -> bool:
        return any(
            attempt.state.current in self.in_
            for task_run in context.task_runs
            if len(task_run.attempts) > 1
            for attempt in task_run.attempts
        )
