"""io.kestra.plugin.core.condition.TimeBetween: a time of the day inside a span."""

from datetime import UTC, datetime, time
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, model_validator

from kestra_stream.errors import ExpressionError
from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.property import has_expression
from kestra_stream.plugin.core.date_condition.moments import TRIGGER_DATE, MomentText, moment_of


def _parsed(text: str) -> time:
    try:
        return time.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"`{text[:80]}` is not a time such as 08:00:00Z") from None


def _checked(template: str) -> str:
    if not has_expression(template):
        _parsed(template)
    return template


TimeText = Annotated[str, AfterValidator(_checked)]


class TimeBetween(Condition):
    """Hold when the time of a date lies after one time, before another one, or between both.

    A span whose start is later than its end goes over midnight, as 22:00 to 06:00.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.TimeBetween"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.TimeBetweenCondition",
        "io.kestra.plugin.core.condition.TimeBetweenCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.TimeBetween
        after: "08:00:00+01:00"
        before: "18:00:00+01:00"
        """,
    )

    date: MomentText = Field(default=TRIGGER_DATE, description="The date whose time is looked at.")
    after: TimeText | None = Field(default=None, description="Hold only after this time, as 08:00:00Z or 08:00:00+02:00.")
    before: TimeText | None = Field(default=None, description="Hold only before this time.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> "TimeBetween":
        if self.after is None and self.before is None:
            raise ValueError("give `after`, `before` or both")
        return self

    def test(self, context: ConditionContext) -> bool:
        date = moment_of(context, self.date)
        later = self.after is None or _time_at(date, limit := _limit(context, self.after)) > limit.replace(tzinfo=None)
        earlier = self.before is None or _time_at(date, limit := _limit(context, self.before)) < limit.replace(tzinfo=None)
        return later or earlier if self._goes_over_midnight(context) else later and earlier

    def _goes_over_midnight(self, context: ConditionContext) -> bool:
        if self.after is None or self.before is None:
            return False
        return _limit(context, self.after).replace(tzinfo=None) > _limit(context, self.before).replace(tzinfo=None)


def _limit(context: ConditionContext, template: str) -> time:
    try:
        limit = _parsed(context.render(template))
    except ValueError as error:
        raise ExpressionError(str(error)) from None
    return limit if limit.tzinfo is not None else limit.replace(tzinfo=context.now.tzinfo or UTC)


def _time_at(date: datetime, limit: time) -> time:
    """The time of a date in the zone of a limit."""
    return date.astimezone(limit.tzinfo).time()
