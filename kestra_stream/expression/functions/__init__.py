"""The functions, tests and methods of the language, by name."""

from kestra_stream.expression.functions import context, ids, rendering, values
from kestra_stream.expression.functions.methods import METHODS
from kestra_stream.expression.functions.predicates import TESTS
from kestra_stream.expression.native import Native

FUNCTIONS: dict[str, Native] = {**values.FUNCTIONS, **ids.FUNCTIONS, **context.FUNCTIONS, **rendering.FUNCTIONS}

__all__ = ["FUNCTIONS", "METHODS", "TESTS"]
