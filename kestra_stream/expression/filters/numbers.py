"""Filters on numbers, and on what is any value: `default`, `className`."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from struct import pack, unpack

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import is_number, kind_of, to_long
from kestra_stream.expression.printing import is_list, is_map, text_of

_MAX_DIGITS = 4096
_MAX_PATTERN = 200
_INT_LIMIT = 2**31
_LONG_LIMIT = 2**63
_PLAIN_PATTERN = "#,##0.###"


def absolute(value: object) -> object:
    """Drop the sign of a number."""
    if not is_number(value):
        raise TypeError(f"needs a number, not a {kind_of(value)}")
    return to_long(abs(value)) if isinstance(value, int) else abs(value)


def number(value: object, frame: Frame, kind: str | None = None) -> object:
    """Parse a number of a kind (INT, LONG, FLOAT, DOUBLE, BIGINTEGER, BIGDECIMAL; default: the smallest that fits)."""
    text = text_of(value, frame).strip()
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"a number has {_MAX_DIGITS} digits at most")
    if kind is not None and str(kind).upper() not in _PARSERS:
        raise ValueError(f"the type {kind} is unknown; known are {', '.join(_PARSERS)}")
    try:
        return _any_number(text) if kind is None else _PARSERS[str(kind).upper()](text)
    except (ValueError, OverflowError, InvalidOperation):
        raise ValueError(f"{text[:100]} is not a valid number.") from None


def _any_number(text: str) -> object:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _whole(limit: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        found = int(text)
        if not -limit <= found < limit:
            raise OverflowError
        return found

    return parse


def _single(text: str) -> float:
    """Round to 32 bits, and give the shortest double that prints the same."""
    rounded = unpack("<f", pack("<f", float(text)))[0]
    return next(shown for digits in range(6, 10) if unpack("<f", pack("<f", shown := float(f"{rounded:.{digits}g}")))[0] == rounded)


def _decimal(text: str) -> Decimal:
    found = Decimal(text)
    if not found.is_finite() or abs(found.adjusted()) > _MAX_DIGITS:
        raise OverflowError
    return found


_PARSERS: dict[str, Callable[[str], object]] = {
    "INT": _whole(_INT_LIMIT),
    "INTEGER": _whole(_INT_LIMIT),
    "LONG": _whole(_LONG_LIMIT),
    "FLOAT": _single,
    "DOUBLE": float,
    "BIGINTEGER": int,
    "BIGDECIMAL": _decimal,
}

_PRINTING = 30


def number_format(value: object, frame: Frame, pattern: str = _PLAIN_PATTERN) -> str:
    """Print a number by a pattern of Java's DecimalFormat, as `#,##0.00`."""
    from babel.numbers import format_decimal  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    if not is_number(value):
        raise TypeError(f"needs a number, not a {kind_of(value)}")
    frame.charge(_PRINTING)
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"a pattern has {_MAX_PATTERN} characters at most")
    return str(format_decimal(value, format=pattern, locale="en_US"))


def default(value: object, otherwise: object) -> object:
    """Give another value for what is missing, null, blank or empty."""
    return otherwise if is_empty(value) else value


def is_empty(value: object) -> bool:
    """Tell whether a value is null, a blank text, or a list or map without items."""
    if value is None:
        return True
    if isinstance(value, str):
        return not value.strip()
    return (is_list(value) or is_map(value)) and len(value) == 0


_CLASSES: tuple[tuple[type, str], ...] = (
    (bool, "java.lang.Boolean"),
    (str, "java.lang.String"),
    (float, "java.lang.Double"),
    (Decimal, "java.math.BigDecimal"),
    (datetime, "java.time.Instant"),
    (date, "java.time.LocalDate"),
    (time, "java.time.LocalTime"),
    (timedelta, "java.time.Duration"),
)


def class_name(value: object) -> str:
    """Name the Java class that such a value has in the reference."""
    if type(value) is int:
        return _class_of_int(value)
    for kind, name in _CLASSES:
        if isinstance(value, kind):
            return name
    if is_map(value):
        return "java.util.LinkedHashMap"
    return "java.util.ArrayList" if is_list(value) else "java.lang.Object"


def _class_of_int(value: int) -> str:
    if -_INT_LIMIT <= value < _INT_LIMIT:
        return "java.lang.Integer"
    return "java.lang.Long" if -_LONG_LIMIT <= value < _LONG_LIMIT else "java.math.BigInteger"


FILTERS: dict[str, Native] = {
    "abs": native(absolute),
    "number": native(number, "type"),
    "numberFormat": native(number_format, "format"),
    "numberformat": native(number_format, "format"),
    "default": native(default, "default", null=True),
    "className": native(class_name),
}
