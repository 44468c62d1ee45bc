"""io.kestra.plugin.core.condition.FlowCondition: the flow that is asked about."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext


class FlowCondition(Condition):
    """Hold for one flow."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.FlowCondition"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.conditions.types.FlowCondition",)
    deprecated: ClassVar[str | None] = "use io.kestra.plugin.core.condition.ExecutionFlow"
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.FlowCondition
        namespace: company.team
        flowId: extract
        """,
    )

    namespace: str = Field(description="Namespace of the flow.")
    flow_id: str = Field(description="Id of the flow.")

    def test(self, context: ConditionContext) -> bool:
        return context.namespace == self.namespace and context.flow_id == self.flow_id
