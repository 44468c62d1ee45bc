"""Labels that a flow gives to the executions of other flows: a map, or a list of key and value."""

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema

from kestra_stream.models.document_model import misplaced
from kestra_stream.models.labels import RESERVED, label_entries, reserved_fault
from kestra_stream.models.property import has_expression


def _checked(labels: object) -> Any:
    if labels is None or (isinstance(labels, str) and has_expression(labels)):
        return labels
    faults = [(reserved_fault(key), place) for key, _, place in label_entries(labels) if str(key).startswith(RESERVED)]
    if faults:
        raise misplaced(*faults)
    return labels


GivenLabels = Annotated[
    Any, AfterValidator(_checked), WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "array"}, {"type": "string"}]})
]
"""Labels as written, still to be rendered; keys that belong to the engine are refused."""
