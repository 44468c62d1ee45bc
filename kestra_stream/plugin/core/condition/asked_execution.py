"""The execution that a condition asks about."""

from kestra_stream.errors import ExpressionError
from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.models.execution import Execution


def asked_execution(condition: Condition, context: ConditionContext) -> Execution:
    """Return the execution of a context.

    Raises:
        ExpressionError: there is none, as for a schedule.
    """
    if context.execution is None:
        raise ExpressionError(f"{condition.type} asks about an execution, and there is none here")
    return context.execution
