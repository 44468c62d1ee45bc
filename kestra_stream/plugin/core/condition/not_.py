"""io.kestra.plugin.core.condition.Not: none of several conditions."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import AnyCondition, Condition, ConditionContext


class Not(Condition):
    """Hold when none of the conditions holds."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.Not"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.NotCondition",
        "io.kestra.plugin.core.condition.NotCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.Not
        conditions:
          - type: io.kestra.plugin.core.condition.Weekend
        """,
    )

    conditions: tuple[AnyCondition, ...] = Field(min_length=1, description="None of them may hold.")

    def test(self, context: ConditionContext) -> bool:
        return not any(condition.test(context) for condition in self.conditions)
