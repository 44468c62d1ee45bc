"""io.kestra.plugin.core.condition.Expression: the truth of an expression."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext


class Expression(Condition):
    """Hold unless the expression renders to blank text or `false`."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.Expression"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExpressionCondition",
        "io.kestra.core.models.conditions.types.VariableCondition",
        "io.kestra.plugin.core.condition.ExpressionCondition",
        "io.kestra.plugin.core.condition.VariableCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.Expression
        expression: "{{ trigger.date | date('d') == '1' }}"
        """,
    )

    expression: str = Field(description="What is rendered.")

    def test(self, context: ConditionContext) -> bool:
        return is_true(context.render(self.expression))


def is_true(text: str) -> bool:
    """Tell the truth of a rendered text, as conditions of triggers see it."""
    return text.strip() not in {"", "false"}
