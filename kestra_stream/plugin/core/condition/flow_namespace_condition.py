"""io.kestra.plugin.core.condition.FlowNamespaceCondition: the namespace of the flow that is asked about."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext


class FlowNamespaceCondition(Condition):
    """Hold for flows of one namespace, or of all whose name starts so."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.FlowNamespaceCondition"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.conditions.types.FlowNamespaceCondition",)
    deprecated: ClassVar[str | None] = "use io.kestra.plugin.core.condition.ExecutionNamespace"
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.FlowNamespaceCondition
        namespace: company
        prefix: true
        """,
    )

    namespace: str = Field(description="The namespace, or its beginning.")
    prefix: bool = Field(default=False, description="Whether `namespace` is only the beginning.")

    def test(self, context: ConditionContext) -> bool:
        if self.prefix:
            return context.namespace.startswith(self.namespace)
        return context.namespace == self.namespace
