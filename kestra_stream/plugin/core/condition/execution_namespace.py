"""io.kestra.plugin.core.condition.ExecutionNamespace: an execution of a flow of some namespaces."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.plugin.core.condition.asked_execution import asked_execution


class Comparison(StrEnum):
    """How namespaces are compared."""

    EQUALS = "EQUALS"
    PREFIX = "PREFIX"
    SUFFIX = "SUFFIX"


class ExecutionNamespace(Condition):
    """Hold for executions whose namespace equals, starts with or ends with a text."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.ExecutionNamespace"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionNamespaceCondition",
        "io.kestra.plugin.core.condition.ExecutionNamespaceCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.ExecutionNamespace
        namespace: company
        comparison: PREFIX
        """,
    )

    namespace: str = Field(description="The namespace, or the part of it.")
    comparison: Comparison | None = Field(default=None, description="EQUALS, PREFIX or SUFFIX; EQUALS by default.")
    prefix: bool = Field(default=False, description="Older form of comparison PREFIX.")

    def test(self, context: ConditionContext) -> bool:
        namespace = asked_execution(self, context).namespace
        match self.comparison or (Comparison.PREFIX if self.prefix else Comparison.EQUALS):
            case Comparison.PREFIX:
                return namespace.startswith(self.namespace)
            case Comparison.SUFFIX:
                return namespace.endswith(self.namespace)
            case Comparison.EQUALS:
                return namespace == self.namespace
