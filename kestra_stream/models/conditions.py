"""Condition: a question about an execution, a flow or a date, answered without IO."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ValidationInfo, WrapValidator

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.task import Plugin, resolved_as


@dataclass(frozen=True, slots=True)
class ConditionContext:
    """What a condition may look at.

    Attributes:
        execution: head of the execution that is asked about; None for a date-only question.
        variables: context for its expressions.
        render: renders one template over the variables.
        results: for MultipleCondition: name of a sub-condition -> whether it has held in the present window.
        task_runs: of the execution, for a question about their attempts.
    """

    now: datetime
    namespace: str
    flow_id: str
    render: Callable[[str], str]
    variables: Mapping[str, Any] = field(default_factory=dict)
    execution: Execution | None = None
    results: Mapping[str, bool] = field(default_factory=dict)
    task_runs: Iterable[TaskRun] = ()


class Condition(Plugin):
    """Root of all conditions."""

    def test(self, context: ConditionContext) -> bool:
        """Answer for this context.

        Raises:
            ExpressionError: an expression of the condition cannot be rendered.
        """
        raise TypeError(f"{self.type} cannot be asked")


def _resolved(value: object, handler: Callable[[object], object], info: ValidationInfo) -> Any:
    return resolved_as(Condition, value, handler, info)


if TYPE_CHECKING:
    AnyCondition = Condition
else:
    AnyCondition = Annotated[Condition, WrapValidator(_resolved)]
