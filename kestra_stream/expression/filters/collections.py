"""Filters on lists and maps; those that make sense for texts take texts too."""

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import MAX_DEPTH, is_number, kind_of
from kestra_stream.expression.printing import is_collection, is_list, is_map, text_of


def _list(value: object) -> Sequence[object]:
    """Give a value as a list, or raise TypeError."""
    if not is_list(value):
        raise TypeError(f"needs a list, not a {kind_of(value)}")
    return value if isinstance(value, Sequence) else list(value)


def chunk(value: object, frame: Frame, size: int) -> list[list[object]]:
    """Cut a list into lists of so many items."""
    if size < 1:
        raise ValueError("the size of a chunk is 1 at least")
    items = _list(value)
    frame.charge(len(items) // size)
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def distinct(value: object, frame: Frame) -> list[object]:
    """Drop the items that are equal to an earlier one."""
    kept: dict[object, object] = {}
    for item in _list(value):
        kept.setdefault(_identity(item, frame, 0), item)
    return list(kept.values())


def _identity(value: object, frame: Frame, depth: int) -> object:
    """Give a key that equal values share, and no others."""
    frame.charge(1)
    if is_number(value):
        return (float, value)
    if not is_collection(value):
        return (type(value), value)
    if depth >= MAX_DEPTH:
        frame.exceeded(f"a value of more than {MAX_DEPTH} levels")
    if is_map(value):
        return (dict, frozenset((key, _identity(item, frame, depth + 1)) for key, item in value.items()))
    return (list, tuple(_identity(item, frame, depth + 1) for item in value))


def first(value: object) -> object:
    """Give the first item or character; null when there is none."""
    if isinstance(value, str):
        return value[:1]
    items = _list(value)
    return items[0] if items else None


def last(value: object) -> object:
    """Give the last item or character; null when there is none."""
    if isinstance(value, str):
        return value[-1:]
    items = _list(value)
    return items[-1] if items else None


def flatten(value: object, frame: Frame) -> list[object]:
    """Put the items of the lists in a list into one list; only one level."""
    flat: list[object] = []
    for item in _list(value):
        if is_list(item):
            frame.check_items(len(flat) + len(item))
            flat.extend(item)
        else:
            flat.append(item)
    return flat


def join(value: object, frame: Frame, separator: str = "") -> str:
    """Join the texts of the items."""
    parts: list[str] = []
    length = 0
    for item in _list(value):
        parts.append(text_of(item, frame))
        length += len(parts[-1]) + len(separator)
        if length > frame.environment.budget.characters:
            frame.check_characters(length)
    return separator.join(parts)


def keys(value: object) -> list[object]:
    """List the keys of a map, or the indexes of a list."""
    return list(value) if is_map(value) else list(range(len(_list(value))))


def values(value: object) -> list[object]:
    """List the values of a map."""
    if not is_map(value):
        raise TypeError(f"needs a map, not a {kind_of(value)}")
    return list(value.values())


def length(value: object) -> int:
    """Count the characters of a text, the items of a list or map; 0 for anything else."""
    return len(value) if isinstance(value, str) or is_collection(value) else 0


def merge(value: object, frame: Frame, items: object) -> object:
    """Join two maps (the second wins), two lists, or a list with the keys of a map."""
    if items is None:
        return value
    if is_map(value) and is_map(items):
        frame.check_items(len(value) + len(items))
        return {**value, **items}
    if is_map(value):
        merged = dict(value)
        merged.update((item, item) for item in _list(items))
        return merged
    joined = [*_list(value), *(items if is_map(items) else _list(items))]
    frame.check_items(len(joined))
    return joined


def reverse(value: object) -> object:
    """Turn the order of a list or text around."""
    return value[::-1] if isinstance(value, str) else list(reversed(_list(value)))


def sort(value: object, frame: Frame) -> list[object]:
    """Sort a list of numbers, texts, booleans or dates."""
    return _sorted(value, frame)


def rsort(value: object, frame: Frame) -> list[object]:
    """Sort a list the other way round."""
    return _sorted(value, frame)[::-1]


def _sorted(value: object, frame: Frame) -> list[object]:
    items: Sequence[Any] = _list(value)
    if all(isinstance(item, str) for item in items) or all(is_number(item) for item in items):
        frame.charge(len(items) >> 1)
        return sorted(items)
    frame.charge(2 * len(items))
    return sorted(items, key=cmp_to_key(_compare))


def _compare(left: object, right: Any) -> int:
    """Compare two items of one kind; null comes first."""
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if is_collection(left) or is_collection(right) or kind_of(left) != kind_of(right):
        raise TypeError(f"can not compare {kind_of(left)} and {kind_of(right)}")
    return int(left > right) - int(left < right)


def slice_(value: object, start: int, end: int | None = None) -> object:
    """Cut a list or text from one index to before another."""
    items = value if isinstance(value, str) else _list(value)
    stop = len(items) if end is None else end
    if start < 0 or stop > len(items) or start > stop:
        raise ValueError(f"can not cut from {start} to {stop}: there are {len(items)}")
    return items[start:stop] if isinstance(items, str) else list(items[start:stop])


FILTERS: dict[str, Native] = {
    "chunk": native(chunk, "size"),
    "distinct": native(distinct),
    "first": native(first),
    "last": native(last),
    "flatten": native(flatten),
    "join": native(join, "separator"),
    "keys": native(keys),
    "values": native(values),
    "length": native(length, null=True),
    "merge": native(merge, "items"),
    "reverse": native(reverse),
    "sort": native(sort),
    "rsort": native(rsort),
    "slice": native(slice_, "fromIndex", "toIndex"),
}
