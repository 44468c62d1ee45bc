"""io.kestra.plugin.core.condition.DayWeekInMonth: the first, second, ... or last Monday (or other day) of a month."""

from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.property import Property
from kestra_stream.plugin.core.date_condition.moments import TRIGGER_DATE, DayOfWeek, MomentText, moment_of

_WEEK = timedelta(weeks=1)


class DayInMonth(StrEnum):
    """Which one of its kind in the month."""

    FIRST = "FIRST"
    SECOND = "SECOND"
    THIRD = "THIRD"
    FOURTH = "FOURTH"
    LAST = "LAST"


class DayWeekInMonth(Condition):
    """Hold on the first to fourth, or the last, such day of a month."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.DayWeekInMonth"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DayWeekInMonthCondition",
        "io.kestra.plugin.core.condition.DayWeekInMonthCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.DayWeekInMonth
        dayOfWeek: MONDAY
        dayInMonth: FIRST
        """,
    )

    day_of_week: Property[DayOfWeek] = Field(description="The day, MONDAY to SUNDAY.")
    day_in_month: Property[DayInMonth] = Field(description="Which one: FIRST, SECOND, THIRD, FOURTH or LAST.")
    date: MomentText = Field(default=TRIGGER_DATE, description="The date to look at.")

    def test(self, context: ConditionContext) -> bool:
        date = moment_of(context, self.date)
        if DayOfWeek.of(date) is not self.day_of_week.render(context.render):
            return False
        which = self.day_in_month.render(context.render)
        if which is DayInMonth.LAST:
            return (date + _WEEK).month != date.month
        return tuple(DayInMonth)[(date.day - 1) // 7] is which
