"""Ion between texts and values."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.printing import is_list, is_map, scalar_text, text_of

_MAX_DEPTH = 100


def to_ion(value: object, frame: Frame) -> str:
    """Print a value as Ion text on one line."""
    from amazon.ion import simpleion  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    text = simpleion.dumps(_outgoing(value, frame, 0), binary=False, omit_version_marker=True)
    return frame.text(text.removeprefix("$ion_1_0 "))


def _outgoing(value: object, frame: Frame, depth: int) -> object:
    """Make plain dicts and lists, within the budget."""
    if depth > _MAX_DEPTH:
        frame.exceeded(f"a value of more than {_MAX_DEPTH} levels")
    frame.charge(2)
    if is_map(value):
        return {text_of(key, frame): _outgoing(item, frame, depth + 1) for key, item in value.items()}
    if is_list(value):
        return [_outgoing(item, frame, depth + 1) for item in value]
    if isinstance(value, time | timedelta) or (isinstance(value, date) and not isinstance(value, datetime)):
        return scalar_text(value)
    if isinstance(value, str):
        frame.charge(len(value))
    return value


def from_ion(frame: Frame, text: object, allRows: object = False) -> object:  # noqa: FBT002, N803 - named and set as templates do
    """Parse Ion text: its first value, or with `allRows` a list of all."""
    if text is None:
        return None
    from amazon.ion import exceptions, simpleion  # noqa: PLC0415 - as above

    source = text_of(text, frame)
    frame.charge(len(source))
    _check_nesting(source, frame)
    try:
        rows: list[object] = simpleion.loads(source, single_value=False)
    except (exceptions.IonException, UnicodeError) as error:
        raise ValueError(f"the Ion does not parse: {error}") from None
    values = [_incoming(row, frame) for row in rows]
    if allRows is True:
        return values
    return values[0] if values else None


def _check_nesting(source: str, frame: Frame) -> None:
    depth = 0
    for character in source:
        if character in "[{(":
            depth += 1
            if depth > _MAX_DEPTH:
                frame.exceeded(f"Ion of more than {_MAX_DEPTH} levels")
        elif character in "]})":
            depth -= 1


def _incoming(value: object, frame: Frame) -> object:
    """Turn Ion's own classes into Python's."""
    frame.charge(1)
    name = type(value).__name__
    if name in ("IonPyNull", "NoneType"):
        return None
    if name == "IonPyBool" or isinstance(value, bool):
        return bool(value)
    if name in ("IonPySymbol", "SymbolToken"):
        return str(getattr(value, "text", ""))
    if is_map(value):
        return {str(key): _incoming(item, frame) for key, item in value.items()}
    if is_list(value):
        return [_incoming(item, frame) for item in value]
    return _incoming_scalar(value)


def _incoming_scalar(value: object) -> object:
    if isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond, value.tzinfo)
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return bytes(value)
    return str(value)


FILTERS: dict[str, Native] = {"toIon": native(to_ion, null=True)}
