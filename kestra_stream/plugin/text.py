"""Rendered values as text, and text as values: JSON stands for what is no text."""

from typing import Any

import orjson

MAX_LINE = 64 * 1024
"""Characters of one line of a log; what is longer is cut."""


def as_text(value: object) -> str:
    """Return text as it is, nothing as empty text, and anything else as JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    text = orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    # a date is text in JSON: without its quotes
    return str(orjson.loads(text)) if text.startswith('"') else text


def structure(value: object) -> Any:
    """Return the list or map that JSON text stands for; any other value as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return orjson.loads(value)
        except orjson.JSONDecodeError:
            return value
    return value
