"""Values in, text out: as `{{ }}` prints them, as JSON, and as Java's toString() would.

Lists and maps print as compact JSON (null entries of maps are left out), dates as ISO, doubles as Java prints them, null as nothing.
"""

from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from math import isinf, isnan
from typing import Any, TypeGuard

from kestra_stream.expression.frame import Frame

_LEAST_PLAIN = 1e-3
_LEAST_SCIENTIFIC = 1e7
MAX_DEPTH = 100


def text_of(value: object, frame: Frame) -> str:
    """Print a value as `{{ }}` does."""
    kind = type(value)
    if isinstance(value, str) and kind is str:
        return value
    if kind is int:
        return str(value)
    if value is None:
        return ""
    if kind is bool:
        return "true" if value else "false"
    if is_collection(value):
        return json_text(value, frame)
    frame.charge(4)
    return scalar_text(value)


def is_list(value: object) -> TypeGuard[Collection[object]]:
    """Tell whether a value is a list (any sequence that is no text and no bytes)."""
    kind = type(value)
    if kind is list or kind is tuple:
        return True
    return isinstance(value, Sequence | AbstractSet) and not isinstance(value, str | bytes | bytearray)


def is_map(value: object) -> TypeGuard[Mapping[object, object]]:
    """Tell whether a value is a map."""
    return type(value) is dict or isinstance(value, Mapping)


def is_collection(value: object) -> TypeGuard[Collection[object]]:
    """Tell whether a value is a list or a map."""
    return is_map(value) or is_list(value)


def scalar_text(value: object) -> str:
    """Print a value that is no list and no map."""
    for kind, show in _SCALARS:
        if isinstance(value, kind):
            return show(value)
    return str(value)


def double_text(value: float) -> str:
    """Print a double as Java does: `1.0E7`, `1.0E-4`, `NaN`, `Infinity`."""
    if isnan(value):
        return "NaN"
    if isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _LEAST_PLAIN <= abs(value) < _LEAST_SCIENTIFIC:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - NaN and infinity are gone by here
    text = "".join(map(str, digits)).rstrip("0")
    power = len(digits) - 1 + exponent
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def decimal_text(value: Decimal) -> str:
    """Print a decimal as BigDecimal does: plain while the exponent is small."""
    return str(value)


def datetime_text(value: datetime) -> str:
    """Print a moment in ISO; UTC is `Z`, and the fraction has 3 or 6 digits or is left out."""
    text = value.replace(tzinfo=None).isoformat(timespec="seconds") + _fraction(value.microsecond)
    if value.tzinfo is None:
        return text
    return text + _offset(value.utcoffset())


def time_text(value: time) -> str:
    """Print a time of day in ISO; the seconds are left out when they are zero."""
    if value.second == 0 and value.microsecond == 0:
        text = value.strftime("%H:%M")
    else:
        text = value.strftime("%H:%M:%S") + _fraction(value.microsecond)
    return text if value.tzinfo is None else text + _offset(value.utcoffset())


def _fraction(microsecond: int) -> str:
    if microsecond == 0:
        return ""
    return f".{microsecond // 1000:03}" if microsecond % 1000 == 0 else f".{microsecond:06}"


def _offset(offset: timedelta | None) -> str:
    if not offset:
        return "Z"
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def duration_text(value: timedelta) -> str:
    """Print a duration as Java does: `PT5M6S`, `PT49H`, `PT0.5S`."""
    microseconds = value // timedelta(microseconds=1)
    if microseconds == 0:
        return "PT0S"
    sign = -1 if microseconds < 0 else 1
    seconds, rest = divmod(abs(microseconds), 1_000_000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    text = "PT"
    if hours:
        text += f"{sign * hours}H"
    if minutes:
        text += f"{sign * minutes}M"
    if seconds or rest:
        shown = f"{seconds}.{rest:06}".rstrip("0").rstrip(".")
        text += f"{'-' if sign < 0 else ''}{shown}S"
    return text


_SCALARS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (bool, lambda value: "true" if value else "false"),
    (Enum, lambda value: str(value.value)),
    (str, str.__str__),
    (int, int.__str__),
    (float, double_text),
    (Decimal, decimal_text),
    (datetime, datetime_text),
    (date, date.isoformat),
    (time, time_text),
    (timedelta, duration_text),
    (bytes, lambda value: b64encode(value).decode("ascii")),
)


# -- JSON --------------------------------------------------------------------------------------------------------------


def json_text(value: object, frame: Frame) -> str:
    """Print a value as compact JSON."""
    parts: list[str] = []
    _write_json(value, parts, frame, 0)
    return frame.text("".join(parts))


def _write_json(value: object, parts: list[str], frame: Frame, depth: int) -> None:
    kind = type(value)
    if isinstance(value, str) and kind is str:
        parts.append(encode_basestring(value))
    elif kind is int:
        parts.append(str(value))
    elif value is None:
        parts.append("null")
    elif is_map(value):
        _write_json_map(value, parts, frame, depth)
    elif is_list(value):
        _write_json_list(value, parts, frame, depth)
    else:
        frame.charge(4)
        parts.append(_json_scalar(value))


def _json_scalar(value: object) -> str:
    text = scalar_text(value)
    is_plain = isinstance(value, int | float | Decimal) and text not in ("NaN", "Infinity", "-Infinity")
    if isinstance(value, timedelta):
        return double_text(value.total_seconds())
    return text if is_plain else encode_basestring(text)


def _descend(parts: list[str], frame: Frame, depth: int, items: int) -> None:
    if depth >= MAX_DEPTH:
        frame.exceeded(f"a value of more than {MAX_DEPTH} levels")
    frame.charge(1 + items // 2)
    if len(parts) > frame.environment.budget.characters:
        frame.exceeded(f"a text of more than {frame.environment.budget.characters:,} characters")


def _write_json_map(value: Mapping[object, object], parts: list[str], frame: Frame, depth: int) -> None:
    _descend(parts, frame, depth, len(value))
    separator = "{"
    for key, item in value.items():
        if item is None:
            continue
        name = key if type(key) is str else text_of(key, frame)
        parts.append(f"{separator}{encode_basestring(name)}:")
        separator = ","
        if type(item) is str:
            frame.charge(len(item) >> 8)
            parts.append(encode_basestring(item))
        else:
            _write_json(item, parts, frame, depth + 1)
    parts.append("{}" if separator == "{" else "}")


def _write_json_list(value: Collection[object], parts: list[str], frame: Frame, depth: int) -> None:
    _descend(parts, frame, depth, len(value))
    separator = "["
    for item in value:
        parts.append(separator)
        separator = ","
        if type(item) is str:
            frame.charge(len(item) >> 8)
            parts.append(encode_basestring(item))
        else:
            _write_json(item, parts, frame, depth + 1)
    parts.append("[]" if separator == "[" else "]")


# -- Java's toString() -------------------------------------------------------------------------------------------------


def java_text(value: object, frame: Frame, depth: int = 0) -> str:
    """Print a value as Java's toString() does: `{a=1, b=[x, y]}`."""
    if not is_collection(value):
        return "null" if value is None else text_of(value, frame)
    _descend([], frame, depth, len(value))
    frame.charge(1)
    if is_map(value):
        pairs = (f"{java_text(key, frame, depth + 1)}={java_text(item, frame, depth + 1)}" for key, item in value.items())
        return frame.text("{" + ", ".join(pairs) + "}")
    items = (item if type(item) is str else str(item) if type(item) is int else java_text(item, frame, depth + 1) for item in value)
    return frame.text("[" + ", ".join(items) + "]")
