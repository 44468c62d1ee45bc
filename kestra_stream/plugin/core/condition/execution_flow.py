"""io.kestra.plugin.core.condition.ExecutionFlow: an execution of one flow."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.plugin.core.condition.asked_execution import asked_execution


class ExecutionFlow(Condition):
    """Hold for executions of one flow."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.ExecutionFlow"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionFlowCondition",
        "io.kestra.plugin.core.condition.ExecutionFlowCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.ExecutionFlow
        namespace: company.team
        flowId: extract
        """,
    )

    namespace: str = Field(description="Namespace of the flow.")
    flow_id: str = Field(description="Id of the flow.")

    def test(self, context: ConditionContext) -> bool:
        execution = asked_execution(self, context)
        return execution.namespace == self.namespace and execution.flow_id == self.flow_id
