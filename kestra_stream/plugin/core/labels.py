"""Labels that a flow gives to the executions of other flows: a map, or a list of key and value."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator


def _checked(labels: Any) -> Any:
    if isinstance(labels, Mapping):
        keys = list(labels)
    elif isinstance(labels, list) and all(isinstance(label, Mapping) and set(label) == {"key", "value"} for label in labels):
        keys = [label["key"] for label in labels]
    elif labels is None or isinstance(labels, str):
        keys = []
    else:
        raise ValueError("labels are a map, or a list of key and value")
    reserved = next((key for key in keys if str(key).startswith("system.")), None)
    if reserved is not None:
        raise ValueError(f"the label `{reserved}` belongs to the engine; choose a key that does not start with `system.`")
    return labels


GivenLabels = Annotated[Any, AfterValidator(_checked)]
"""Labels as written, still to be rendered; keys that belong to the engine are refused."""
