"""io.kestra.plugin.core.condition.DateTimeBetween: a date inside a span."""

from typing import ClassVar

from pydantic import Field, model_validator

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.plugin.core.date_condition.moments import TRIGGER_DATE, MomentText, moment_of


class DateTimeBetween(Condition):
    """Hold when a date lies after one moment, before another one, or between both; the limits themselves do not count."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.DateTimeBetween"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.DateTimeBetweenCondition",
        "io.kestra.plugin.core.condition.DateTimeBetweenCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.DateTimeBetween
        after: "2030-01-01T00:00:00Z"
        before: "2031-01-01T00:00:00Z"
        """,
    )

    date: MomentText = Field(default=TRIGGER_DATE, description="The date to look at.")
    after: MomentText | None = Field(default=None, description="Hold only after this moment.")
    before: MomentText | None = Field(default=None, description="Hold only before this moment.")

    @model_validator(mode="after")
    def _has_a_limit(self) -> "DateTimeBetween":
        if self.after is None and self.before is None:
            raise ValueError("give `after`, `before` or both")
        return self

    def test(self, context: ConditionContext) -> bool:
        date = moment_of(context, self.date)
        if self.after is not None and date <= moment_of(context, self.after):
            return False
        return self.before is None or date < moment_of(context, self.before)
