"""Labels as a flow writes them: a map, or a list of key and value, in; a list of labels out."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from kestra_stream.models.document_model import Steps, misplaced
from kestra_stream.models.execution import Label
from kestra_stream.models.sentences import shown

RESERVED = "system."
LABELS_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
        {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"key": {"type": "string"}, "value": {"type": ["string", "number", "boolean"]}},
                "required": ["key", "value"],
                "additionalProperties": False,
            },
        },
    ]
}


def reserved_fault(key: str) -> str:
    """Say that a key belongs to the engine."""
    return f"the label `{key}` belongs to the engine; choose a key that does not start with `{RESERVED}`"


def label_entries(labels: object) -> Iterator[tuple[Any, Any, Steps]]:
    """Yield key, value and place below `labels` of every label in either spelling.

    Raises:
        PydanticCustomError: neither spelling.
    """
    if isinstance(labels, Mapping):
        yield from ((key, value, (key,)) for key, value in labels.items())
        return
    if not isinstance(labels, list | tuple):
        raise misplaced((f"must be a map of labels, or a list of `key` and `value`, but is {shown(labels)}", ()))
    for number, entry in enumerate(labels):
        if isinstance(entry, Label):
            yield entry.key, entry.value, (number,)
        elif isinstance(entry, Mapping) and set(entry) == {"key", "value"}:
            yield entry["key"], entry["value"], (number, "value")
        else:
            raise misplaced(("a label in a list has exactly `key` and `value`", (number,)))


def _labels(value: object) -> Any:
    found: list[Label] = []
    faults: list[tuple[str, Steps]] = []
    for key, item, place in label_entries(value):
        text = _text(item)
        if not isinstance(key, str) or not key:
            faults.append(("the key of a label must be text", place))
        elif text is None:
            faults.append((f"the value of a label must be text, a number, true or false, but is {shown(item)}", place))
        else:
            found.append(Label(key, text))
    if faults:
        raise misplaced(*faults)
    return tuple(found)


def _free_labels(value: object) -> Any:
    faults = [(reserved_fault(key), place) for key, _, place in label_entries(value) if str(key).startswith(RESERVED)]
    if faults:
        raise misplaced(*faults)
    return _labels(value)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


Labels = Annotated[tuple[Label, ...], BeforeValidator(_labels), WithJsonSchema(LABELS_SCHEMA)]
FreeLabels = Annotated[tuple[Label, ...], BeforeValidator(_free_labels), WithJsonSchema(LABELS_SCHEMA)]
"""Labels whose keys may not belong to the engine."""
