"""io.kestra.plugin.core.condition.Or: any of several conditions."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import AnyCondition, Condition, ConditionContext


class Or(Condition):
    """Hold when one of the conditions holds."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.Or"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.OrCondition",
        "io.kestra.plugin.core.condition.OrCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.Or
        conditions:
          - type: io.kestra.plugin.core.condition.DayWeek
            dayOfWeek: MONDAY
          - type: io.kestra.plugin.core.condition.DayWeek
            dayOfWeek: FRIDAY
        """,
    )

    conditions: tuple[AnyCondition, ...] = Field(min_length=1, description="One of them must hold.")

    def test(self, context: ConditionContext) -> bool:
        return any(condition.test(context) for condition in self.conditions)
