"""What can be asked: the fields of each kind of entry, by name, with the operators that each understands."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Generic, TypeGuard, TypeVar

from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import Level, LogEntry, MetricEntry
from kestra_stream.repository.query import Operator

T = TypeVar("T")
Value = Any
"""What a field holds: text, a number, a moment; its kind says which."""
O = Operator  # noqa: E741 - reads well in the tables below

_EQUALITY = frozenset({O.EQUALS, O.NOT_EQUALS, O.IN, O.NOT_IN})
_ORDER = frozenset({O.GREATER_THAN, O.GREATER_THAN_OR_EQUAL_TO, O.LESS_THAN, O.LESS_THAN_OR_EQUAL_TO})
LABELS = "labels."


class Kind(Enum):
    """What a field holds, and so what it can be asked."""

    TEXT = frozenset(O) - _ORDER
    NUMBER = _EQUALITY | _ORDER
    DATE = _EQUALITY | _ORDER | {"date"}
    LEVEL = _EQUALITY | _ORDER | {"level"}


@dataclass(frozen=True, slots=True)
class Field(Generic[T]):
    """One thing that can be asked of an entry.

    Attributes:
        kind: how its values compare.
        read: gives the value of an entry, None when it has none; of a field with `many`, the list of its values.
        many: the entry may hold several values; a comparison holds when it holds for one of them.
    """

    kind: Kind
    read: Callable[[T], Value]
    many: bool = False


def trigger_execution_id(execution: Execution) -> str | None:
    """Return the id of the execution that the trigger names: the parent of a subflow, or the one that a flow trigger saw."""
    found = execution.trigger.variables.get("executionId") if execution.trigger else None
    return found if isinstance(found, str) else None


EXECUTION_FIELDS: Mapping[str, Field[Execution]] = {
    "tenant_id": Field(Kind.TEXT, lambda e: e.tenant_id),
    "id": Field(Kind.TEXT, lambda e: e.id),
    "namespace": Field(Kind.TEXT, lambda e: e.namespace),
    "flow_id": Field(Kind.TEXT, lambda e: e.flow_id),
    "flow_revision": Field(Kind.NUMBER, lambda e: e.flow_revision),
    "state": Field(Kind.TEXT, lambda e: e.state.current),
    "start_date": Field(Kind.DATE, lambda e: e.state.histories[0].date),
    "end_date": Field(Kind.DATE, lambda e: e.state.end_date),
    "parent_id": Field(Kind.TEXT, lambda e: e.parent_id),
    "trigger_execution_id": Field(Kind.TEXT, trigger_execution_id),
    "kind": Field(Kind.TEXT, lambda e: e.kind),
}

LOG_FIELDS: Mapping[str, Field[LogEntry]] = {
    "tenant_id": Field(Kind.TEXT, lambda e: e.tenant_id),
    "execution_id": Field(Kind.TEXT, lambda e: e.execution_id),
    "namespace": Field(Kind.TEXT, lambda e: e.namespace),
    "flow_id": Field(Kind.TEXT, lambda e: e.flow_id),
    "task_id": Field(Kind.TEXT, lambda e: e.task_id),
    "task_run_id": Field(Kind.TEXT, lambda e: e.task_run_id),
    "attempt_number": Field(Kind.NUMBER, lambda e: e.attempt_number),
    "trigger_id": Field(Kind.TEXT, lambda e: e.trigger_id),
    "level": Field(Kind.LEVEL, lambda e: e.level.rank),
    "timestamp": Field(Kind.DATE, lambda e: e.timestamp),
    "message": Field(Kind.TEXT, lambda e: e.message),
}

METRIC_FIELDS: Mapping[str, Field[MetricEntry]] = {
    "tenant_id": Field(Kind.TEXT, lambda e: e.tenant_id),
    "execution_id": Field(Kind.TEXT, lambda e: e.execution_id),
    "namespace": Field(Kind.TEXT, lambda e: e.namespace),
    "flow_id": Field(Kind.TEXT, lambda e: e.flow_id),
    "task_id": Field(Kind.TEXT, lambda e: e.task_id),
    "task_run_id": Field(Kind.TEXT, lambda e: e.task_run_id),
    "timestamp": Field(Kind.DATE, lambda e: e.timestamp),
    "type": Field(Kind.TEXT, lambda e: e.type),
    "name": Field(Kind.TEXT, lambda e: e.name),
    "value": Field(Kind.NUMBER, lambda e: e.value),
}

FLOW_FIELDS: Mapping[str, Field[FlowSource]] = {
    "tenant_id": Field(Kind.TEXT, lambda e: e.tenant_id),
    "namespace": Field(Kind.TEXT, lambda e: e.namespace),
    "id": Field(Kind.TEXT, lambda e: e.id),
}


def execution_field(name: str) -> Field[Execution]:
    """Return a field of executions; `labels.KEY` is the label of that key.

    Raises:
        Invalid: there is none of that name.
    """
    key = name.removeprefix(LABELS)
    if key == name or not key:
        return field_of(EXECUTION_FIELDS, name, f"{LABELS}KEY")
    return Field(Kind.TEXT, lambda e: [label.value for label in e.labels if label.key == key], many=True)


def field_of(fields: Mapping[str, Field[T]], name: str, *more: str) -> Field[T]:
    """Return a field by its name; `more` names others that the message should tell of.

    Raises:
        Invalid: there is none of that name.
    """
    if name in fields:
        return fields[name]
    raise Invalid(f"there is no field {name!r}; the fields are {', '.join((*fields, *more))}")


def operand(field: Field[T], name: str, operator: str, value: object) -> tuple[Operator, Value]:
    """Return a checked operator, and the value as the field's own values compare: a rank for a level, a moment for a date.

    Raises:
        Invalid: the field does not understand the operator, or the value is none of its kind.
    """
    known = sorted(entry.value for entry in field.kind.value if isinstance(entry, Operator))
    if operator not in known:
        raise Invalid(f"{name} cannot be compared by {operator!r}; it understands {', '.join(known)}")
    checked = Operator(operator)
    if checked not in {O.IN, O.NOT_IN}:
        return checked, _converted(field.kind, name, value)
    if not _is_several(value):
        raise Invalid(f"{operator} on {name} needs a list of values")
    return checked, frozenset(_converted(field.kind, name, item) for item in value)


def _is_several(value: object) -> TypeGuard[Collection[object]]:
    return isinstance(value, list | tuple | set | frozenset)


def _converted(kind: Kind, name: str, value: object) -> Value:
    match kind, value:
        case Kind.TEXT, str():
            return str(value)
        case Kind.NUMBER, int() | float():
            return value
        case Kind.LEVEL, str() if value in set(Level):
            return Level(value).rank
        case Kind.DATE, datetime() if value.tzinfo is not None:
            return value
        case _:
            pass
    expected = {Kind.TEXT: "text", Kind.NUMBER: "a number", Kind.LEVEL: f"one of {', '.join(Level)}", Kind.DATE: "a moment with a zone"}
    raise Invalid(f"{name} is compared with {expected[kind]}, not with {value!r}")
