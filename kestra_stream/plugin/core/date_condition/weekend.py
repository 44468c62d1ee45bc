"""io.kestra.plugin.core.condition.Weekend: Saturday or Sunday."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.plugin.core.date_condition.moments import TRIGGER_DATE, DayOfWeek, MomentText, moment_of


class Weekend(Condition):
    """Hold on Saturday and Sunday."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.Weekend"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.WeekendCondition",
        "io.kestra.plugin.core.condition.WeekendCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.Weekend
        """,
    )

    date: MomentText = Field(default=TRIGGER_DATE, description="The date to look at.")

    def test(self, context: ConditionContext) -> bool:
        return DayOfWeek.of(moment_of(context, self.date)) in {DayOfWeek.SATURDAY, DayOfWeek.SUNDAY}
