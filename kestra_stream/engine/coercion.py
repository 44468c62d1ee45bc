"""Coercion: a raw value and the name of a type in, the value that flows see out."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from struct import pack, unpack
from typing import Any

import orjson

from kestra_stream.errors import ExpressionError
from kestra_stream.expression import Environment, compile_template
from kestra_stream.models.duration import format_duration, parse_duration
from kestra_stream.models.input import InputType

T = InputType
_WIDEST = 1024
_URI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s/?#]+\.[a-zA-Z0-9-]{1,63}(:\d{1,5})?([/?#]\S*)?")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_PARSED_YAML = compile_template("{{ yaml(text) }}")


class _NoChance:
    """A template that only parses YAML needs neither chance nor a clock."""

    random_bytes = staticmethod(bytes)


_BARE = Environment(now=lambda: datetime.min.replace(tzinfo=UTC), zone=UTC, random=_NoChance())


class Unfit(ValueError):
    """A value is not of the type; the message says what is wanted."""


def coerce(kind: InputType, value: object, item_type: InputType | None = None) -> Any:
    """Return the value as its type stores it; None stays None.

    Raises:
        Unfit: it cannot be read as that type.
    """
    if value is None:
        return None
    if kind in {T.ARRAY, T.MULTISELECT}:
        items = _list(value)
        return [coerce(item_type or T.STRING, item) for item in items]
    return _COERCIONS[kind](value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping | list | tuple):
        try:
            return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
        except (TypeError, RecursionError) as error:
            raise Unfit(f"it must be text, and this structure can not be written as JSON ({error})") from None
    return str(value)


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _integer(value: object) -> int:
    if isinstance(value, bool):
        raise Unfit("it must be an integer")
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = str(value).strip()
    if _INTEGER.fullmatch(text) is None:
        raise Unfit("it must be an integer")
    return int(text)


def _float(value: object) -> float:
    """Read a 32-bit number: the shortest decimal that means the same 32 bits, so that 42.42 stays 42.42."""
    if isinstance(value, bool):
        raise Unfit("it must be a number")
    text = str(value).strip() if not isinstance(value, int) or value.bit_length() < _WIDEST else ""
    if _NUMBER.fullmatch(text) is None:
        raise Unfit("it must be a number")
    narrow = unpack("f", pack("f", float(text)))[0]
    if math.isinf(narrow):
        raise Unfit("it must be a number of 32 bits")
    shorter = (float(f"{narrow:.{digits}g}") for digits in range(1, 10))  # nine digits always suffice
    return next(short for short in shorter if unpack("f", pack("f", short))[0] == narrow)


def _boolean(value: object) -> bool:
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _datetime(value: object) -> str:
    moment = value if isinstance(value, datetime) else None
    if moment is None:
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            raise Unfit("it must be an instant such as 2023-01-01T00:00:00Z") from None
    if moment.tzinfo is None:
        raise Unfit("it must be an instant with a zone, such as 2023-01-01T00:00:00Z")
    try:
        text = moment.astimezone(UTC).isoformat()
    except OverflowError:
        raise Unfit("it must be an instant in the years 1 to 9999") from None
    return text.replace("+00:00", "Z")


def _date(value: object) -> str:
    try:
        return date.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise Unfit("it must be a date such as 2023-01-31") from None


def _time(value: object) -> str:
    try:
        found = time.fromisoformat(str(value).strip())
    except ValueError:
        raise Unfit("it must be a time such as 11:27:49") from None
    if found.tzinfo is not None:
        raise Unfit("it must be a local time without a zone, such as 11:27:49")
    return found.isoformat()


def _duration(value: object) -> float:
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(timedelta(seconds=value).total_seconds())
        return float(parse_duration(value).total_seconds())
    except (ValueError, OverflowError):
        raise Unfit("it must be a duration such as PT5M6S") from None


def _json(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unfit(f"it must be JSON ({error})") from None


def _yaml(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return _PARSED_YAML.evaluate({"text": value}, _BARE)
    except ExpressionError as error:
        raise Unfit(f"it must be YAML ({str(error).partition(', in the expression')[0]})") from None


def _uri(value: object) -> str:
    text = _text(value)
    if not _URI.fullmatch(text):
        raise Unfit("it must be a URI such as https://example.org/path")
    return text


def _email(value: object) -> str:
    text = _text(value)
    if not _EMAIL.fullmatch(text):
        raise Unfit("it must be an e-mail address")
    return text


def _file(value: object) -> str:
    text = _text(value)
    if not text.startswith(("kestra://", "nsfile://", "file://")):
        raise Unfit("it must be the `kestra://` URI of a file in internal storage")
    return text


def _list(value: object) -> list[object]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise Unfit("it must be a list, or the JSON text of one") from None
    if not isinstance(value, list | tuple):
        raise Unfit("it must be a list, or the JSON text of one")
    return list(value)


_COERCIONS: Mapping[InputType, Callable[[object], object]] = {
    T.STRING: _text,
    T.ENUM: _text,
    T.SELECT: _text,
    T.SECRET: _text,
    T.INT: _integer,
    T.FLOAT: _float,
    T.BOOLEAN: _boolean,
    T.BOOL: _boolean,
    T.DATETIME: _datetime,
    T.DATE: _date,
    T.TIME: _time,
    T.DURATION: _duration,
    T.FILE: _file,
    T.JSON: _json,
    T.YAML: _yaml,
    T.URI: _uri,
    T.EMAIL: _email,
}


def limit_text(limit: object) -> str:
    """Write a limit as a message shows it."""
    match limit:
        case timedelta():
            return format_duration(limit)
        case datetime():
            return limit.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() | time():
            return limit.isoformat()
        case _:
            return str(limit)
