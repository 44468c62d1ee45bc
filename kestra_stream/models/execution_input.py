"""The closed union of everything that can happen to an execution (what execution_inbox carries, keyed by execution id).

Names in the past tense tell what happened elsewhere; imperative names are commands of a person, an API or another execution.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kestra_stream.models.execution import Execution, Label, TaskRun
from kestra_stream.models.records import Level
from kestra_stream.models.state import StateType


@dataclass(frozen=True, slots=True)
class ParentLink:
    """Which task run of which execution waits for a child; `iteration` is the 1-based batch of a ForEachItem.

    `outputs` are deprecated templates that the child renders for its parent instead of its flow's own outputs.
    """

    execution_id: str
    task_run_id: str
    epoch: int
    iteration: int | None = None
    wait: bool = True
    outputs: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """Bring an execution to life.

    Attributes:
        execution: the head in state CREATED (`flow_revision` 0 means: the newest).
        provided_inputs: raw values for the flow's inputs; None when `execution.inputs` holds resolved ones already.
        task_runs: runs that a replay keeps.
        parent: the task run that waits for the end.
        refusal: a reason to fail at once (a check of the flow said FAIL_EXECUTION).
        notice: what is to be said at the beginning (a check of the flow said CREATE_EXECUTION), and how loud.
    """

    execution: Execution
    provided_inputs: Mapping[str, Any] | None = None
    task_runs: tuple[TaskRun, ...] = ()
    parent: ParentLink | None = None
    refusal: str | None = None
    notice: tuple[Level, str] | None = None
    kind: Literal["create"] = "create"


@dataclass(frozen=True, slots=True)
class TaskRunStarted:
    """A worker has taken a job; from now on its heartbeat guards the run."""

    task_run_id: str
    epoch: int
    worker_id: str
    at: datetime
    kind: Literal["task_run_started"] = "task_run_started"


@dataclass(frozen=True, slots=True)
class TaskRunEnded:
    """An attempt is over. `started_at` is given too, so a short task needs no `TaskRunStarted`.

    Attributes:
        state: terminal state of the attempt.
        error: message of the failure, None on success.
        task_runs: children that the worker ran itself (WorkingDirectory), in the order in which they ended.
    """

    task_run_id: str
    epoch: int
    state: StateType
    started_at: datetime
    ended_at: datetime
    outputs: Mapping[str, Any] | None = None
    error: str | None = None
    log_file: str | None = None
    task_runs: tuple[TaskRun, ...] = ()
    worker_id: str = ""
    kind: Literal["task_run_ended"] = "task_run_ended"


@dataclass(frozen=True, slots=True)
class ChildTaskRunReported:
    """A worker tells how a child that it runs itself is doing (WorkingDirectory)."""

    task_run: TaskRun
    parent_epoch: int
    kind: Literal["child_task_run_reported"] = "child_task_run_reported"


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker that had accepted this dispatch is gone."""

    task_run_id: str
    epoch: int
    kind: Literal["worker_lost"] = "worker_lost"


@dataclass(frozen=True, slots=True)
class NoWorker:
    """This dispatch went to nobody: its worker group has no worker, or is not known.

    Attributes:
        state: how the task run ends: FAILED, or CANCELLED where the `fallback` of its group says so.
    """

    task_run_id: str
    epoch: int
    state: StateType
    error: str
    kind: Literal["no_worker"] = "no_worker"


@dataclass(frozen=True, slots=True)
class SubflowEnded:
    """A child execution has ended, or could not be created (then `error` tells why)."""

    task_run_id: str
    epoch: int
    child_id: str
    state: StateType
    outputs: Mapping[str, Any] | None = None
    iteration: int | None = None
    error: str | None = None
    kind: Literal["subflow_ended"] = "subflow_ended"


@dataclass(frozen=True, slots=True)
class SubflowRetried:
    """A child execution was given up for a new one, which goes on in its place."""

    task_run_id: str
    epoch: int
    child_id: str
    new_child_id: str
    kind: Literal["subflow_retried"] = "subflow_retried"


@dataclass(frozen=True, slots=True)
class Admitted:
    """The limiter gave a slot."""

    scope: str
    kind: Literal["admitted"] = "admitted"


@dataclass(frozen=True, slots=True)
class Refused:
    """The limiter has no slot: QUEUED means wait in line, CANCELLED or FAILED end the execution."""

    scope: str
    state: StateType
    kind: Literal["refused"] = "refused"


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A wake-up that the engine asked for has come."""

    timer_id: str
    kind: Literal["timer_fired"] = "timer_fired"


@dataclass(frozen=True, slots=True)
class LookupAnswer:
    """The result of one call that needed IO: a value, or the message of the error."""

    key: str
    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LookedUp:
    """Answers to the calls of a `Lookup` command."""

    lookup_id: str
    answers: tuple[LookupAnswer, ...]
    kind: Literal["looked_up"] = "looked_up"


@dataclass(frozen=True, slots=True)
class Continued:
    """The engine goes on with a long piece of work that it had cut (a big fan-out)."""

    kind: Literal["continued"] = "continued"


@dataclass(frozen=True, slots=True)
class Kill:
    """End the execution now; with `cascade` its child executions too. `state` is the end (an SLA or Exit may name another)."""

    cascade: bool = True
    state: StateType = StateType.KILLED
    kind: Literal["kill"] = "kill"


@dataclass(frozen=True, slots=True)
class Pause:
    """Start nothing new until a resume."""

    kind: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on after a pause; `inputs` are the resolved values for `onResume` of the paused task."""

    inputs: Mapping[str, Any] = field(default_factory=dict)
    task_run_id: str | None = None
    by: str | None = None
    kind: Literal["resume"] = "resume"


@dataclass(frozen=True, slots=True)
class Restart:
    """Run again from the failed (or paused) task runs; `revision` makes it a new execution `new_id` of that revision.

    `parent` replaces the task run that waits for the end, when a parent execution asks.
    """

    revision: int | None = None
    new_id: str | None = None
    parent: ParentLink | None = None
    kind: Literal["restart"] = "restart"


@dataclass(frozen=True, slots=True)
class Replay:
    """Create the execution `new_id` from this one, from the start or from a task run."""

    new_id: str
    task_run_id: str | None = None
    revision: int | None = None
    inputs: Mapping[str, Any] | None = None
    breakpoints: tuple[str, ...] = ()
    kind: Literal["replay"] = "replay"


@dataclass(frozen=True, slots=True)
class ChangeTaskRunState:
    """Set a task run's state and let the flow go on from there."""

    task_run_id: str
    state: StateType
    kind: Literal["change_task_run_state"] = "change_task_run_state"


@dataclass(frozen=True, slots=True)
class ChangeStatus:
    """Set the state of an ended execution to another terminal one."""

    state: StateType
    kind: Literal["change_status"] = "change_status"


@dataclass(frozen=True, slots=True)
class SetLabels:
    """Replace the labels that a person may edit."""

    labels: tuple[Label, ...]
    kind: Literal["set_labels"] = "set_labels"


@dataclass(frozen=True, slots=True)
class ForceRun:
    """Run a created, queued or paused execution now, past any limit."""

    kind: Literal["force_run"] = "force_run"


@dataclass(frozen=True, slots=True)
class Unqueue:
    """Take a queued execution out of the line: RUNNING past the limit, or CANCELLED, or FAILED."""

    state: StateType = StateType.RUNNING
    kind: Literal["unqueue"] = "unqueue"


@dataclass(frozen=True, slots=True)
class ResumeFromBreakpoint:
    """Go on after a breakpoint; `breakpoints` replaces the remaining ones when given."""

    breakpoints: tuple[str, ...] | None = None
    kind: Literal["resume_from_breakpoint"] = "resume_from_breakpoint"


ExecutionInput = (
    Create
    | TaskRunStarted
    | TaskRunEnded
    | ChildTaskRunReported
    | WorkerLost
    | NoWorker
    | SubflowEnded
    | SubflowRetried
    | Admitted
    | Refused
    | TimerFired
    | LookedUp
    | Continued
    | Kill
    | Pause
    | Resume
    | Restart
    | Replay
    | ChangeTaskRunState
    | ChangeStatus
    | SetLabels
    | ForceRun
    | Unqueue
    | ResumeFromBreakpoint
)
