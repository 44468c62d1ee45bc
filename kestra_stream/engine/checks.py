"""Checks: conditions on the inputs of a new execution in, the most restrictive failed one out."""

from collections.abc import Callable, Mapping

from kestra_stream.errors import ExpressionError, InvalidExpression
from kestra_stream.models.flow import Check, CheckBehavior, Flow

_MOST_RESTRICTIVE_FIRST = tuple(CheckBehavior)


def evaluate_checks(flow: Flow, inputs: Mapping[str, object], evaluate: Callable[[str, Mapping[str, object]], object]) -> Check | None:
    """Return the failed check that counts, None when all hold; a condition that cannot be evaluated does not hold."""
    failed = [check for check in flow.checks if not _holds(check, inputs, evaluate)]
    return min(failed, key=lambda check: _MOST_RESTRICTIVE_FIRST.index(check.behavior), default=None)


def _holds(check: Check, inputs: Mapping[str, object], evaluate: Callable[[str, Mapping[str, object]], object]) -> bool:
    try:
        result = evaluate(check.condition, {"inputs": inputs})
    except (ExpressionError, InvalidExpression):
        return False
    return result is True or result == "true"
