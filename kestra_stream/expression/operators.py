"""The operators on values: arithmetic as Java does it, comparison, containment, ranges, truth.

A value of the wrong kind raises TypeError or ValueError with a message; the compiled expression adds the place.
"""

from collections.abc import Callable, Collection
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import fmod, inf, isnan, nan
from typing import Any, TypeGuard

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.printing import is_collection, is_list, is_map, text_of

Number = int | float | Decimal
_MAX_DECIMAL_DIGITS = 4096
MAX_DEPTH = 100
_BITS = 64
_LEAST = -(2**63)
_MOST = 2**63 - 1


def is_number(value: object) -> TypeGuard[Number]:
    """Tell whether a value is a number (a boolean is none)."""
    kind = type(value)
    if kind is int or kind is float:
        return True
    return isinstance(value, int | float | Decimal) and kind is not bool


def kind_of(value: object) -> str:
    """Name the kind of a value, for messages."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    if isinstance(value, str):
        return "text"
    return "map" if is_map(value) else "list" if is_list(value) else type(value).__name__


def to_long(value: int) -> int:
    """Wrap an int to 64 bits, as Java's long does."""
    if _LEAST <= value <= _MOST:
        return value
    value &= (1 << _BITS) - 1
    return value - (1 << _BITS) if value > _MOST else value


def truth(value: object) -> bool:
    """Tell whether a condition holds; null, lists and maps are refused."""
    if value is True or value is False:
        return value
    if isinstance(value, str):
        return value != ""
    if is_number(value):
        return bool(value != 0)
    remedy = "test `is empty` instead" if is_collection(value) else "use `??` or test `is null` first"
    raise TypeError(f"Wrong operand(s) type in conditional expression: {kind_of(value)} is neither true nor false; {remedy}")


# -- arithmetic --------------------------------------------------------------------------------------------------------


def _numbers(left: object, right: object, action: str) -> tuple[Any, Any]:
    """Widen two numbers to one kind: decimal beats double beats int."""
    if not (is_number(left) and is_number(right)):
        raise TypeError(f"Could not perform {action}: {kind_of(left)} and {kind_of(right)} are not both numbers")
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return _decimal(left), _decimal(right)
    if isinstance(left, float) or isinstance(right, float):
        return float(left), float(right)
    return left, right


def _decimal(value: Number) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _bounded(value: object) -> object:
    if type(value) is int:
        return to_long(value)
    if isinstance(value, Decimal) and abs(value.adjusted()) > _MAX_DECIMAL_DIGITS:
        raise ValueError(f"the number has more than {_MAX_DECIMAL_DIGITS} digits")
    return value


def add(left: object, right: object, frame: Frame) -> object:
    """Add numbers; join when either side is text; append to a list."""
    if type(left) is int and type(right) is int:
        return to_long(left + right)
    if isinstance(left, str) or isinstance(right, str):
        return frame.text(text_of(left, frame) + text_of(right, frame))
    if is_list(left):
        added: list[object] = list(right) if is_list(right) else [right]
        items: list[object] = list(left)
        frame.check_items(len(items) + len(added))
        return items + added
    one, other = _numbers(left, right, "addition")
    return _bounded(one + other)


def subtract(left: object, right: object, frame: Frame) -> object:
    """Subtract numbers; take an item, or the items of a list, out of a list."""
    if type(left) is int and type(right) is int:
        return to_long(left - right)
    if is_list(left):
        gone: list[object] = list(right) if is_list(right) else [right]
        items: list[object] = list(left)
        frame.charge(len(items) * len(gone) >> 1)
        return [item for item in items if not any(equal(item, other, frame) for other in gone)]
    number, taken = _numbers(left, right, "subtraction")
    return _bounded(number - taken)


def multiply(left: object, right: object, _frame: Frame) -> object:
    """Multiply numbers."""
    one, other = _numbers(left, right, "multiplication")
    return _bounded(one * other)


def divide(left: object, right: object, _frame: Frame) -> object:
    """Divide numbers; ints truncate toward zero, doubles by zero give infinity."""
    part, by = _numbers(left, right, "division")
    if type(part) is float and by == 0:
        return nan if part == 0 or isnan(part) else inf if (part > 0) == (str(by)[0] != "-") else -inf
    if by == 0:
        raise ZeroDivisionError("Could not perform division: division by zero")
    if type(part) is int:
        quotient = abs(part) // abs(by)
        return to_long(quotient if (part < 0) == (by < 0) else -quotient)
    return _bounded(part / by)


def modulo(left: object, right: object, _frame: Frame) -> object:
    """Give the rest of a division; it has the sign of the left side."""
    part, by = _numbers(left, right, "modulus")
    if type(part) is float:
        return nan if by == 0 or part in (inf, -inf) else fmod(part, by)
    if by == 0:
        raise ZeroDivisionError("Could not perform modulus: division by zero")
    if type(part) is int:
        rest = abs(part) % abs(by)
        return -rest if part < 0 else rest
    return part % by


def negate(value: object) -> object:
    """Change the sign of a number."""
    if not is_number(value):
        raise TypeError(f"Could not negate: {kind_of(value)} is not a number")
    return _bounded(-value)


def plus(value: object) -> object:
    """Give a number as it is."""
    if not is_number(value):
        raise TypeError(f"Could not apply `+`: {kind_of(value)} is not a number")
    return value


# -- comparison --------------------------------------------------------------------------------------------------------


def equal(left: object, right: object, frame: Frame, depth: int = 0) -> bool:
    """Tell whether two values are equal: numbers by value, an enum as its text, text and numbers never."""
    if left is right:
        return True
    if type(left) is str and type(right) is str:
        return bool(left == right)
    if is_number(left) and is_number(right):
        wide, other = _numbers(left, right, "comparison")
        return bool(wide == other)
    if is_collection(left) and is_collection(right):
        return _equal_collections(left, right, frame, depth)
    if isinstance(left, Enum) or isinstance(right, Enum):
        return bool(_plain(left) == _plain(right))
    return bool(type(left) is type(right) and left == right)


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else value


def _equal_collections(left: Collection[object], right: Collection[object], frame: Frame, depth: int) -> bool:
    """Compare item by item, each one a step: two values built by doubling would else take forever."""
    frame.charge(1)
    if len(left) != len(right):
        return False
    if depth >= MAX_DEPTH:
        frame.exceeded(f"a comparison of more than {MAX_DEPTH} levels")
    frame.charge(len(left))
    if is_map(left) or is_map(right):
        if not (is_map(left) and is_map(right)):
            return False
        return all(key in right and equal(item, right[key], frame, depth + 1) for key, item in left.items())
    return all(equal(one, other, frame, depth + 1) for one, other in zip(left, right, strict=True))


_Order = Callable[[Any, Any], bool]


def _comparison(name: str, order: _Order) -> Callable[[object, object, Frame], bool]:
    def compare(left: object, right: object, _frame: Frame) -> bool:
        if left is None or right is None:
            return False
        for kind in (datetime, date, time, timedelta):
            if isinstance(left, kind) and isinstance(right, kind):
                return order(left, right)
        left, right = _numbers(left, right, f"{name} comparison")
        return order(left, right)

    return compare


less = _comparison("less", lambda left, right: left < right)
less_or_equal = _comparison("less or equal", lambda left, right: left <= right)
greater = _comparison("greater", lambda left, right: left > right)
greater_or_equal = _comparison("greater or equal", lambda left, right: left >= right)


def unequal(left: object, right: object, frame: Frame) -> bool:
    """Tell whether two values differ."""
    return not equal(left, right, frame)


# -- containment and ranges --------------------------------------------------------------------------------------------


def contains(left: object, right: object, frame: Frame) -> bool:
    """Tell whether a text has a part, a list an item (or all items of a list), a map a key."""
    if left is None:
        return False
    frame.work_on(left)
    if isinstance(left, str):
        return text_of(right, frame) in left if right is not None else False
    if is_list(right) and is_collection(left):
        return all(_has(left, item, frame) for item in right)
    if is_collection(left):
        return _has(left, right, frame)
    raise TypeError(f"Could not perform contains: {kind_of(left)} is neither a text, a list nor a map")


def _has(left: Collection[object], right: object, frame: Frame) -> bool:
    if is_map(left):
        return not is_collection(right) and (right in left or text_of(right, frame) in left)
    frame.work_on(left)
    return any(equal(item, right, frame) for item in left)


def is_in(left: object, right: object, frame: Frame) -> bool:
    """Tell whether the right side contains the left one."""
    return contains(right, left, frame)


def is_not_in(left: object, right: object, frame: Frame) -> bool:
    """Tell whether the right side does not contain the left one."""
    return not contains(right, left, frame)


def interval(start: object, end: object, frame: Frame, step: object = 1) -> list[object]:
    """List the ints, or the letters, from start to end, both included."""
    if isinstance(start, str) and isinstance(end, str) and type(step) is int:
        if len(start) != 1 or len(end) != 1:
            raise ValueError(f"Could not make a range from '{start}' to '{end}': a range of text is between two letters")
        return [chr(code) for code in _ints(ord(start), ord(end), step, frame)]
    if type(start) is not int or type(end) is not int or type(step) is not int:
        raise TypeError(
            f"Could not make a range from {kind_of(start)} to {kind_of(end)}: both are ints, or letters, and the step is an int"
        )
    return list(_ints(start, end, step, frame))


def _ints(start: int, end: int, step: int, frame: Frame) -> range:
    if step == 0:
        raise ValueError("Could not make a range: the step is 0")
    numbers = range(start, end + (1 if step > 0 else -1), step)
    frame.check_items((numbers[-1] - numbers[0]) // step + 1 if numbers else 0)
    return numbers


BINARY: dict[str, Callable[[object, object, Frame], object]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "/": divide,
    "%": modulo,
    "==": equal,
    "equals": equal,
    "!=": unequal,
    "<": less,
    "<=": less_or_equal,
    ">": greater,
    ">=": greater_or_equal,
    "contains": contains,
    "in": is_in,
    "not in": is_not_in,
    "..": interval,
}
