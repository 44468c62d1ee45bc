"""Rows of stored files: text Ion, one value a line; read and written piece by piece."""

from collections.abc import Iterator
from typing import Any

import orjson

from kestra_stream.errors import KestraError
from kestra_stream.plugin.api import RunContext


def read_rows(context: RunContext, uri: str) -> Iterator[Any]:
    """Yield the value of each line; JSON is Ion, and quicker to read.

    Raises:
        KestraError: a line is not Ion.
    """
    for number, line in enumerate(context.lines(uri), 1):
        if line.strip():
            yield row_of(line, number)


def row_of(line: bytes, number: int = 1) -> Any:
    """Read one line."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    from amazon.ion import exceptions, simpleion  # noqa: PLC0415 - slow to import, and most rows are JSON

    try:
        return plain(simpleion.loads(line.decode("utf-8", "replace")))
    except (exceptions.IonException, ValueError, UnicodeError, EOFError) as error:
        raise KestraError(f"line {number} is not Ion: {error}") from None


def plain(value: Any) -> Any:
    """Return an Ion value as plain data."""
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or "IonPyNull" in type(value).__name__:
        return None
    for kind in (bool, int, float, str):
        if isinstance(value, kind) or (kind is bool and type(value).__name__ == "IonPyBool"):
            return kind(value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def row_line(value: Any) -> bytes:
    """Write one row as a line."""
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE)
