"""How the engine treats a task: a closed union. Plugins answer with one of these; the engine matches on them.

Values typed `object` or `str` are raw: templates that the engine renders when it comes to them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from kestra_stream.models.input import Input

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

    values: object
    tasks: Tasks
    concurrency: int = 1
    in_order: bool = True


@dataclass(frozen=True, slots=True)
class If:
    """One of two branches by the truth of a condition."""

    condition: object
    then: Tasks
    otherwise: Tasks = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """The branch whose key equals the rendered value, else `defaults`; None for a Switch without defaults."""

    value: object
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

    duration: object = None
    behavior: object = PauseBehavior.RESUME
    on_resume: tuple[Input, ...] = ()
    on_pause: "Task | None" = None
    tasks: Tasks = ()


@dataclass(frozen=True, slots=True)
class LoopUntil:
    """Children in order, again and again every `interval`, until the condition holds or a maximum is reached."""

    condition: object
    tasks: Tasks
    interval: object = timedelta(minutes=1)
    max_iterations: object = None
    max_duration: object = None
    fail_on_max_reached: object = False


@dataclass(frozen=True, slots=True)
class CallFlow:
    """Create an execution of another flow. All values are raw.

    Attributes:
        outputs: deprecated mapping of names to templates over the child's outputs; None for the child's flow outputs.
        new_execution_on_restart: a restart of the parent creates another child instead of restarting the one that failed.
        batches: set for the middle part of a ForEachItem: the id of the task whose outputs hold `splits` and `numberOfBatches`.
    """

    namespace: object
    flow_id: object
    revision: int | None = None
    inputs: Mapping[str, object] = field(default_factory=dict)
    labels: object = None
    wait: bool = True
    transmit_failed: bool = True
    inherit_labels: object = False
    schedule_date: object = None
    outputs: Mapping[str, object] | None = None
    new_execution_on_restart: bool = False
    batches: str | None = None


@dataclass(frozen=True, slots=True)
class SetLabels:
    """Merge labels (JSON text, map, or list of key and value; raw) over those of the execution."""

    labels: object


@dataclass(frozen=True, slots=True)
class SetVariables:
    """Deep-merge rendered values into the execution's variables."""

    variables: object
    overwrite: object = True


@dataclass(frozen=True, slots=True)
class UnsetVariables:
    """Remove variables."""

    variables: object
    ignore_missing: object = False


@dataclass(frozen=True, slots=True)
class Exit:
    """End the execution with a state; no further task starts."""

    state: object = "SUCCESS"


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
