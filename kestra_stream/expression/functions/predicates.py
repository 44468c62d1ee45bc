"""The tests of the language: what may stand after `is`."""

from kestra_stream.expression.filters.json_text import is_json
from kestra_stream.expression.filters.numbers import is_empty
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import equal, kind_of
from kestra_stream.expression.printing import is_collection, is_map


def _int(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"needs an int, not a {kind_of(value)}")
    return value


def even(value: object) -> bool:
    """Tell whether an int is even."""
    return _int(value) % 2 == 0


def odd(value: object) -> bool:
    """Tell whether an int is odd."""
    return _int(value) % 2 == 1


def iterable(value: object) -> bool:
    """Tell whether a loop can go over a value."""
    return is_collection(value)


def map_(value: object) -> bool:
    """Tell whether a value is a map."""
    return is_map(value)


def null(value: object) -> bool:
    """Tell whether a value is null."""
    return value is None


def defined(value: object) -> bool:
    """Tell whether a value is there and not null."""
    return value is not None


def equal_to(value: object, frame: Frame, other: object) -> bool:
    """Tell whether two values are equal."""
    return equal(value, other, frame)


TESTS: dict[str, Native] = {
    "empty": native(is_empty, null=True),
    "even": native(even, null=True),
    "odd": native(odd, null=True),
    "iterable": native(iterable, null=True),
    "map": native(map_, null=True),
    "null": native(null, null=True),
    "defined": native(defined, null=True),
    "equalTo": native(equal_to, "value", null=True),
    "json": native(is_json, null=True),
}
