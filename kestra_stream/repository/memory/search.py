"""Search in memory: (entries, filter, page) -> slice. Cost grows with the number of entries handed in."""

from collections.abc import Callable, Iterable
from operator import ge, gt, le, lt
from typing import TypeVar

from kestra_stream.errors import Invalid
from kestra_stream.repository.fields import Field, Value, operand
from kestra_stream.repository.query import Condition, Filter, Operator, Page, Slice, Sort

T = TypeVar("T")
Test = Callable[[Value], bool]
Find = Callable[[str], Field[T]]

_PATTERN_SECONDS = 0.05
"""Longest time that a pattern may take for one value."""


def matching(entries: Iterable[T], where: Filter, find: Find[T]) -> list[T]:
    """Return the entries for which all conditions hold, in the order given.

    Raises:
        Invalid: an unknown field, an operator that it does not understand, or a value that does not fit.
    """
    kept = entries if isinstance(entries, list) else list(entries)
    for holds in [_predicate(condition, find) for condition in where.conditions]:
        kept = [entry for entry in kept if holds(entry)]
    return kept


def page_of(entries: list[T], page: Page, find: Find[T], default: tuple[Sort, ...], identity: Callable[[T], str]) -> Slice[T]:
    """Sort entries and cut out one page; equal ones stand by id, in the direction of the last sort.

    Raises:
        Invalid: an unknown field to sort by, or a page that cannot be.
    """
    check_page(page)
    runs = _same_direction(page.sort or default)
    ordered = entries
    for number, (sorts, descending) in enumerate(reversed(runs)):
        reads = [_sortable(find(sort.field)) for sort in sorts]
        ordered = sorted(ordered, key=_key(reads, None if number else identity), reverse=descending)
    start = (page.number - 1) * page.size
    return Slice(tuple(ordered[start : start + page.size]), len(entries))


def check_page(page: Page) -> None:
    """Refuse a page that cannot be.

    Raises:
        Invalid: number or size is below 1.
    """
    if page.number < 1 or page.size < 1:
        raise Invalid(f"a page has a number and a size of 1 or more, not {page.number} and {page.size}")


def _same_direction(sorts: tuple[Sort, ...]) -> list[tuple[list[Sort], bool]]:
    """Group neighbours of one direction: each group is one pass of a stable sort, the last group first."""
    runs: list[tuple[list[Sort], bool]] = []
    for sort in sorts:
        if runs and runs[-1][1] == sort.descending:
            runs[-1][0].append(sort)
        else:
            runs.append(([sort], sort.descending))
    return runs


def _sortable(field: Field[T]) -> Callable[[T], Value]:
    read = field.read
    return (lambda entry: (read(entry) or (None,))[0]) if field.many else read


def _key(reads: list[Callable[[T], Value]], identity: Callable[[T], str] | None) -> Callable[[T], Value]:
    """Compare entries by their values; one without a value comes after all that have one."""
    if len(reads) == 1 and identity is not None:
        read = reads[0]

        def single(entry: T) -> Value:
            value = read(entry)
            return (value is None, value, identity(entry))

        return single

    def several(entry: T) -> Value:
        values = [read(entry) for read in reads]
        return (*((value is None, value) for value in values), identity(entry) if identity else "")

    return several


def _predicate(condition: Condition, find: Find[T]) -> Callable[[T], bool]:
    field = find(condition.field)
    operator, value = operand(field, condition.field, condition.operator, condition.value)
    read = field.read
    if operator in {Operator.NOT_EQUALS, Operator.NOT_IN}:
        positive = _predicate_of(field, _test(Operator.EQUALS if operator is Operator.NOT_EQUALS else Operator.IN, value))
        return lambda entry: not positive(entry)
    if operator is Operator.EQUALS and not field.many:
        return lambda entry: bool(read(entry) == value)
    return _predicate_of(field, _test(operator, value))


def _predicate_of(field: Field[T], test: Test) -> Callable[[T], bool]:
    read = field.read
    if field.many:
        return lambda entry: any(test(value) for value in read(entry))

    def holds(entry: T) -> bool:
        value = read(entry)
        return value is not None and test(value)

    return holds


def _test(operator: Operator, wanted: Value) -> Test:
    """Return the comparison of one present value; the two negations are made from their opposites."""
    match operator:
        case Operator.IN:
            return lambda value: value in wanted
        case Operator.PREFIX:
            below = f"{wanted}."
            return lambda value: value == wanted or value.startswith(below)
        case Operator.REGEX:
            return _pattern(wanted)
        case Operator.STARTS_WITH:
            return lambda value: bool(value.startswith(wanted))
        case Operator.ENDS_WITH:
            return lambda value: bool(value.endswith(wanted))
        case Operator.CONTAINS:
            return lambda value: wanted in value
        case _:
            pass
    if operator in _COMPARISONS:
        compare = _COMPARISONS[operator]
        return lambda value: compare(value, wanted)
    return lambda value: bool(value == wanted)


_COMPARISONS: dict[Operator, Callable[[Value, Value], bool]] = {
    Operator.GREATER_THAN: gt,
    Operator.GREATER_THAN_OR_EQUAL_TO: ge,
    Operator.LESS_THAN: lt,
    Operator.LESS_THAN_OR_EQUAL_TO: le,
}


def _pattern(text: str) -> Test:
    import regex  # noqa: PLC0415 - loaded where it is used: a start must be quick

    try:
        compiled = regex.compile(text)
    except regex.error as error:
        raise Invalid(f"{text!r} is no regular expression: {error}") from None

    def found(value: str) -> bool:
        try:
            return compiled.search(value, timeout=_PATTERN_SECONDS) is not None
        except TimeoutError:
            raise Invalid(f"the regular expression {text!r} takes too long") from None

    return found
