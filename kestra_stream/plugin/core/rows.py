"""Rows of stored files: text Ion, one value a line; read and written piece by piece.

JSON is Ion too, and quicker: a row that JSON can hold is written and read as such (1 µs), one with moments, decimals or bytes by
the Ion library with its C extension (10 µs), so that their types are kept.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import orjson

from kestra_stream.errors import KestraError
from kestra_stream.models.duration import format_duration
from kestra_stream.plugin.api import RunContext

_JSON = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_APPEND_NEWLINE
_VERSION = "$ion_1_0"
_BARE = 7
"""Flags of the Ion library: plain Python values, symbols as text, structs as dicts."""


def read_rows(context: RunContext, uri: str) -> Iterator[Any]:
    """Yield the value of each line that is not blank.

    Raises:
        KestraError: a line is not Ion.
    """
    for number, line in enumerate(context.lines(uri), 1):
        if line.strip() and line.strip() != _VERSION.encode():
            yield row_of(line, number)


def row_of(line: bytes, number: int = 1) -> Any:
    """Read one line.

    Raises:
        KestraError: it is not one Ion value; `number` tells which line.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        pass
    from amazon.ion import exceptions, simpleion  # noqa: PLC0415 - slow to import, and most rows are JSON

    try:
        return _incoming(simpleion.loads(line.decode(), value_model=simpleion.IonPyValueModel(_BARE)))
    except (exceptions.IonException, ValueError, EOFError) as error:
        raise KestraError(f"line {number} is not Ion: {error}") from None


def row_line(value: object) -> bytes:
    """Write one row as a line."""
    try:
        return orjson.dumps(value, option=_JSON)
    except TypeError:
        pass
    from amazon.ion import simpleion  # noqa: PLC0415 - as above

    text = simpleion.dumps(_outgoing(value), binary=False, omit_version_marker=True)
    return f"{text.removeprefix(_VERSION).strip()}\n".encode()


def _incoming(value: object) -> Any:
    """Take off what is left of Ion's own classes."""
    if isinstance(value, Mapping):
        return {str(key): _incoming(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_incoming(item) for item in value]
    if isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.tzinfo)
    return _scalar(value)


def _scalar(value: object) -> Any:
    match value, type(value).__name__:
        case _, "IonPyNull":
            return None
        case _, "IonPyBool":
            return bool(value)
        case bool(), _:
            return value
        case int(), _:
            return int(value)
        case float(), _:
            return float(value)
        case str(), _:
            return str(value)
        case bytes(), _:
            return bytes(value)
        case Decimal(), _:
            return Decimal(value)
        case _:
            return value


def _outgoing(value: object) -> Any:
    """Bring a value into the types that Ion knows."""
    match value:
        case Mapping():
            return {str(key): _outgoing(item) for key, item in value.items()}
        case list() | tuple():
            return [_outgoing(item) for item in value]
        case datetime() | Decimal() | bytes() | bool() | int() | float() | None:
            return value
        case date() | time():
            return value.isoformat()
        case timedelta():
            return format_duration(value)
        case _:
            return str(value)
