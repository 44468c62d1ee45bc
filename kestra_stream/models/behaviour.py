"""How the engine treats a task: a closed union. Plugins answer with one of these; the engine matches on them.

Values typed `Any` or `str` are raw: templates that the engine renders when it comes to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kestra_stream.models.task import Task

Tasks = tuple["Task", ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A worker runs the task. `tasks` are children that the same worker runs in one directory (WorkingDirectory)."""

    tasks: Tasks = ()


@dataclass(frozen=True, slots=True)
class Sequence:
    """Children one after the other."""

    tasks: Tasks
    failure_is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Parallel:
    """Children at once, at most `concurrent` of them (0: all)."""

    tasks: Tasks
    concurrent: int = 0


@dataclass(frozen=True, slots=True)
class Dag:
    """Children as soon as all that they depend on (by task id) has ended, at most `concurrent` at once."""

    tasks: Tasks
    depends_on: Mapping[str, tuple[str, ...]]
    concurrent: int = 0


@dataclass(frozen=True, slots=True)
class ForEach:
    """The children for every distinct value; `concurrency` values at once (0: all).

    Attributes:
        values: a template that renders to a JSON list, or a list.
        in_order: children of one value run one after the other; else all pairs of value and child run at once.
    """

    values: Any
    tasks: Tasks
    concurrency: int = 1
    in_order: bool = True


@dataclass(frozen=True, slots=True)
class If:
    """One of two branches by the truth of a condition."""

    condition: Any
    then: Tasks
    otherwise: Tasks = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """The branch whose key equals the rendered value, else `defaults`; None for a Switch without defaults."""

    value: Any
    cases: Mapping[str, Tasks]
    defaults: Tasks | None = None


class PauseBehavior(StrEnum):
    """What the end of a pause's duration means."""

    RESUME = "RESUME"
    WARN = "WARN"
    FAIL = "FAIL"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait for a person, or for a duration (raw template text or None), then run `tasks`; `timeout` of the task fails it."""

    duration: Any = None
    behavior: Any = PauseBehavior.RESUME
    on_resume: tuple[Any, ...] = ()
    on_pause: "Task | None" = None
    tasks: Tasks = ()


@dataclass(frozen=True, slots=True)
class LoopUntil:
    """Children in order, again and again every `interval`, until the condition holds or a maximum is reached."""

    condition: Any
    tasks: Tasks
    interval: Any = timedelta(minutes=1)
    max_iterations: Any = None
    max_duration: Any = None
    fail_on_max_reached: Any = False


@dataclass(frozen=True, slots=True)
class CallFlow:
    """Create an execution of another flow. All values are raw.

    Attributes:
        outputs: deprecated mapping of names to templates over the child's outputs; None for the child's flow outputs.
        new_execution_on_restart: a restart of the parent creates another child instead of restarting the one that failed.
        batches: set for the middle part of a ForEachItem: the id of the task whose outputs hold `splits` and `numberOfBatches`.
    """

    namespace: Any
    flow_id: Any
    revision: int | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    labels: Any = None
    wait: bool = True
    transmit_failed: bool = True
    inherit_labels: Any = False
    schedule_date: Any = None
    outputs: Mapping[str, Any] | None = None
    new_execution_on_restart: bool = False
    batches: str | None = None


@dataclass(frozen=True, slots=True)
class SetLabels:
    """Merge labels (JSON text, map, or list of key and value; raw) over those of the execution."""

    labels: Any


@dataclass(frozen=True, slots=True)
class SetVariables:
    """Deep-merge rendered values into the execution's variables."""

    variables: Any
    overwrite: Any = True


@dataclass(frozen=True, slots=True)
class UnsetVariables:
    """Remove variables."""

    variables: Any
    ignore_missing: Any = False


@dataclass(frozen=True, slots=True)
class Exit:
    """End the execution with a state; no further task starts."""

    state: Any = "SUCCESS"


Behaviour = (
    Run
    | Sequence
    | Parallel
    | Dag
    | ForEach
    | If
    | Switch
    | Pause
    | LoopUntil
    | CallFlow
    | SetLabels
    | SetVariables
    | UnsetVariables
    | Exit
)
