"""Evaluates a query on objects in memory: filter, sort, cut a page."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from kestra_stream.errors import Invalid
from kestra_stream.repository.query import Condition, Filter, Operator, Page, Slice

T = TypeVar("T")
Fields = Mapping[str, Callable[[Any], Any]]


def found(items: Iterable[T], where: Filter, page: Page, fields: Fields) -> Slice[T]:
    """Return one page of the items that match."""
    hits = matching(items, where, fields)
    for sort in reversed(page.sort):
        read = _reader(sort.field, fields)
        hits.sort(key=lambda item: _sortable(read(item)), reverse=sort.descending)
    start = (page.number - 1) * page.size
    return Slice(hits[start : start + page.size], len(hits))


def matching(items: Iterable[T], where: Filter, fields: Fields) -> list[T]:
    """Return the items for which all conditions hold."""
    tests = [_test(condition, fields) for condition in where.conditions]
    return [item for item in items if all(test(item) for test in tests)]


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)


def _reader(field: str, fields: Fields) -> Callable[[Any], Any]:
    if field.startswith("labels.") and "labels" in fields:
        key = field.removeprefix("labels.")
        return lambda item: fields["labels"](item).get(key)
    read = fields.get(field)
    if read is None:
        raise Invalid(f"there is no field `{field}`; there are {', '.join(sorted(fields))}")
    return read


def _test(condition: Condition, fields: Fields) -> Callable[[Any], bool]:
    read, wanted, compare = _reader(condition.field, fields), condition.value, _COMPARISONS[condition.operator]
    return lambda item: compare(read(item), wanted)


def _prefix(value: Any, wanted: Any) -> bool:
    return value == wanted or str(value).startswith(f"{wanted}.")


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, wanted: Any) -> bool:
        if value is None:
            return False
        if hasattr(wanted, "rank"):
            return compare(value.rank, wanted.rank)
        return compare(value, wanted)

    return test


_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUALS: lambda value, wanted: bool(value == wanted),
    Operator.NOT_EQUALS: lambda value, wanted: bool(value != wanted),
    Operator.IN: lambda value, wanted: value in wanted,
    Operator.NOT_IN: lambda value, wanted: value not in wanted,
    Operator.PREFIX: _prefix,
    Operator.STARTS_WITH: lambda value, wanted: str(value or "").startswith(str(wanted)),
    Operator.ENDS_WITH: lambda value, wanted: str(value or "").endswith(str(wanted)),
    Operator.CONTAINS: lambda value, wanted: str(wanted) in str(value or ""),
    Operator.REGEX: lambda value, wanted: re.search(str(wanted), str(value or "")) is not None,
    Operator.GREATER_THAN: _ordered(lambda value, wanted: bool(value > wanted)),
    Operator.GREATER_THAN_OR_EQUAL_TO: _ordered(lambda value, wanted: bool(value >= wanted)),
    Operator.LESS_THAN: _ordered(lambda value, wanted: bool(value < wanted)),
    Operator.LESS_THAN_OR_EQUAL_TO: _ordered(lambda value, wanted: bool(value <= wanted)),
}
