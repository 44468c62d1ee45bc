"""io.kestra.plugin.core.condition.ExecutionOutputs: what a flow gave."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.plugin.core.condition.asked_execution import asked_execution
from kestra_stream.plugin.core.condition.expression import is_true


class ExecutionOutputs(Condition):
    """Hold when an expression over `trigger.outputs` (the outputs of the flow) does; never for an execution without outputs.

    Who asks hands in `trigger.outputs` among the variables.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.ExecutionOutputs"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionOutputsCondition",
        "io.kestra.plugin.core.condition.ExecutionOutputsCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.ExecutionOutputs
        expression: "{{ trigger.outputs.rows > 0 }}"
        """,
    )

    expression: str = Field(description="What is rendered.")

    def test(self, context: ConditionContext) -> bool:
        return bool(asked_execution(self, context).outputs) and is_true(context.render(self.expression))
