"""io.kestra.plugin.core.condition.DayWeek: a day of the week."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.property import Property
from kestra_stream.plugin.core.date_condition.moments import TRIGGER_DATE, DayOfWeek, MomentText, moment_of


class DayWeek(Condition):
    """Hold on one day of the week."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.DayWeek"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DayWeekCondition",
        "io.kestra.plugin.core.condition.DayWeekCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.DayWeek
        dayOfWeek: MONDAY
        """,
    )

    day_of_week: Property[DayOfWeek] = Field(description="The day, MONDAY to SUNDAY.")
    date: MomentText = Field(default=TRIGGER_DATE, description="The date to look at.")

    def test(self, context: ConditionContext) -> bool:
        return DayOfWeek.of(moment_of(context, self.date)) is self.day_of_week.render(context.render)
