"""The expression language of flows: `{{ }}`, `{% %}`, filters, functions, tests. Compiled once, rendered within a budget."""

from kestra_stream.expression.environment import LOOKUP_FUNCTIONS, Budget, Environment, IoFunction, RandomSource
from kestra_stream.expression.paths import WHOLE_CONTEXT, DynamicItem, PathItem, Reference
from kestra_stream.expression.template import (
    Template,
    compile_template,
    functions_of,
    is_truthy,
    references_of,
    render_structure,
)

__all__ = [
    "LOOKUP_FUNCTIONS",
    "WHOLE_CONTEXT",
    "Budget",
    "DynamicItem",
    "Environment",
    "IoFunction",
    "PathItem",
    "RandomSource",
    "Reference",
    "Template",
    "compile_template",
    "functions_of",
    "is_truthy",
    "references_of",
    "render_structure",
]
