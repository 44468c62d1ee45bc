"""One example of each value that a topic carries, built from the value's own type and written as the log writes it."""

import json
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.queue.serde import to_bytes

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
TEXTS = {
    "execution_id": "4XJ2ZqCLbM5u0pGv1eYt8R",
    "child_id": "7bQeTn4VwYk1sXh9LcZo2D",
    "new_child_id": "2mRvHd6PzKq8uJf3WsTa5N",
    "new_id": "2mRvHd6PzKq8uJf3WsTa5N",
    "task_run_id": "1kTn5uWvEr7YxQz3CbMo9L",
    "worker_id": "6pLsGy2XhDf4NwVj8RkUt0",
    "service_id": "6pLsGy2XhDf4NwVj8RkUt0",
    "service_type": "worker",
    "namespace": "company.team",
    "flow_id": "hello",
    "task_id": "greet",
    "tenant_id": "main",
    "scope": "main/company.team/hello",
    "message": "Hello, Ada",
    "name": "rows",
    "function": "kv",
    "key": "team",
    "source": "id: hello\nnamespace: company.team\ntasks:\n  - id: greet\n    type: io.kestra.plugin.core.log.Log\n    message: Hello\n",
    "topic": "kestra_execution_inbox",
    "error": "a record of execution_inbox can not be read: Invalid JSON",
}
OWN_TEXTS = {
    (Execution, "id"): TEXTS["execution_id"],
    (TaskRun, "id"): TEXTS["task_run_id"],
    (ExecutionEvent, "sequence"): 3,
}
# Optional fields without which an example would say little.
SHOWN = {(ExecutionEvent, "task_runs"), (TaskRun, "attempts"), (TaskRun, "outputs")}
SCALARS: dict[Any, Any] = {
    int: 1,
    float: 42.0,
    bool: True,
    datetime: MOMENT,
    bytes: b"{not JSON",
    Any: "Ada",
    object: "Ada",
    NoneType: None,
}


def example(kind: Any, name: str = "") -> Any:
    """Return a value of a type; `name` is that of the field it is for."""
    if kind is str:
        return TEXTS.get(name, f"a-{name.replace('_', '-')}" if name else "text")
    if kind in SCALARS:
        return SCALARS[kind]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next((member for member in kind if member.name in {"SUCCESS", "INFO"}), next(iter(kind)))
    if isinstance(kind, type) and is_dataclass(kind):
        return _instance(kind)
    return _generic(get_origin(kind), get_args(kind), name)


def _instance(kind: type) -> Any:
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):  # pyright: ignore[reportArgumentType] - the caller has looked
        is_needed = field.default is MISSING and field.default_factory is MISSING
        if (kind, field.name) in OWN_TEXTS:
            values[field.name] = OWN_TEXTS[kind, field.name]
        elif is_needed or (kind, field.name) in SHOWN:
            values[field.name] = example(hints[field.name], field.name)
    return kind(**values)


def _generic(origin: Any, arguments: tuple[Any, ...], name: str) -> Any:
    if origin in {Union, UnionType, Annotated}:
        return example(arguments[0], name)
    if origin is Literal:
        return arguments[0]
    if origin is tuple and arguments[-1] is Ellipsis:
        return (example(arguments[0], name),)
    if origin is tuple:
        return tuple(example(argument, name) for argument in arguments)
    return {"greeting": "Hello, Ada"}


def written(kind: Any) -> Any:
    """Return an example as it lies in a record: plain JSON."""
    return json.loads(to_bytes(example(kind)))
