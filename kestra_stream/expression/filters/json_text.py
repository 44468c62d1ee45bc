"""JSON between texts and values."""

import json

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.printing import json_text, text_of


def to_json(value: object, frame: Frame) -> str:
    """Print a value as compact JSON; null as nothing."""
    return "" if value is None else json_text(value, frame)


def from_json(frame: Frame, text: object) -> object:
    """Parse JSON text; null for null."""
    if text is None:
        return None
    source = text_of(text, frame)
    frame.charge(len(source) >> 4)
    try:
        return json.loads(source, parse_constant=_refuse)
    except RecursionError:
        frame.exceeded("JSON nested deeper than Python's stack")


def is_json(value: object) -> bool:
    """Tell whether a value is a text that parses as JSON."""
    if not isinstance(value, str):
        return False
    try:
        json.loads(value, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


FILTERS: dict[str, Native] = {
    "json": native(to_json, null=True),
    "toJson": native(to_json, null=True),
}
