"""A query as a value: Filter, Sort, Page in; a Slice of results out. Never SQL, never JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Operator(StrEnum):
    """How a field is compared."""

    EQUALS = "EQUALS"
    NOT_EQUALS = "NOT_EQUALS"
    IN = "IN"
    NOT_IN = "NOT_IN"
    PREFIX = "PREFIX"
    STARTS_WITH = "STARTS_WITH"
    ENDS_WITH = "ENDS_WITH"
    CONTAINS = "CONTAINS"
    REGEX = "REGEX"
    GREATER_THAN = "GREATER_THAN"
    GREATER_THAN_OR_EQUAL_TO = "GREATER_THAN_OR_EQUAL_TO"
    LESS_THAN = "LESS_THAN"
    LESS_THAN_OR_EQUAL_TO = "LESS_THAN_OR_EQUAL_TO"


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. PREFIX is the hierarchy of namespaces: equal, or starts with the value and a dot. `labels.KEY` names a label."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Filter:
    """All conditions must hold."""

    conditions: tuple[Condition, ...] = ()

    def where(self, field: str, value: object, operator: Operator = Operator.EQUALS) -> "Filter":
        """Add a condition; a value of None adds nothing."""
        if value is None:
            return self
        return Filter((*self.conditions, Condition(field, operator, value)))


@dataclass(frozen=True, slots=True)
class Sort:
    """Order by one field."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """1-based page number and size; `sort` in order of weight."""

    number: int = 1
    size: int = 10
    sort: tuple[Sort, ...] = ()


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """One page of results and how many there are in all."""

    items: Sequence[T]
    total: int
