"""Execution, TaskRun and Attempt: what ran, or runs, of a flow. Frozen; `with_...` methods return changed copies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kestra_stream.models.state import TERMINAL, State, StateType

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Label:
    """A key and a value that a person filters by; keys starting with `system.` belong to the engine."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of a task run; `log_file` is the storage URI of its log when the task logs to a file, `worker_id` who runs it."""

    state: State
    log_file: str | None = None
    worker_id: str | None = None


@dataclass(frozen=True, slots=True)
class TaskRun:
    """One run of one task inside an execution.

    Attributes:
        id: derived from the execution, the parent run, the task, value and iteration.
        parent_id: the run of the flowable that holds the task; None at the root of the flow.
        value: the value of a loop, as text.
        iteration: 0-based place in a loop (1-based under ForEachItem and LoopUntil, as in the flow language).
        epoch: grows with each dispatch, over all lives of the run; a result of an older epoch is ignored.
        sent: the present epoch is with a worker or a child execution.
        dynamic: reported by a worker, not created by the engine (children of WorkingDirectory).
    """

    id: str
    task_id: str
    state: State
    parent_id: str | None = None
    value: str | None = None
    iteration: int | None = None
    attempts: tuple[Attempt, ...] = ()
    outputs: Mapping[str, Any] | None = None
    epoch: int = 0
    sent: bool = False
    dynamic: bool = False

    def with_state(self, state: StateType, date: datetime) -> "TaskRun":
        """Enter a state; a terminal run is with nobody any more."""
        if state is self.state.current:
            return self
        # spelled out: `replace` costs five times as much, and this runs twice a task
        return TaskRun(
            self.id,
            self.task_id,
            self.state.to(state, date),
            self.parent_id,
            self.value,
            self.iteration,
            self.attempts,
            self.outputs,
            self.epoch,
            self.sent and state not in TERMINAL,
            self.dynamic,
        )

    def dispatched(self) -> "TaskRun":
        """Put the run under its next epoch, in other hands."""
        return TaskRun(
            self.id,
            self.task_id,
            self.state,
            self.parent_id,
            self.value,
            self.iteration,
            self.attempts,
            self.outputs,
            self.epoch + 1,
            sent=True,
            dynamic=self.dynamic,
        )

    def with_result(self, state: State, attempts: tuple[Attempt, ...], outputs: Mapping[str, object] | None) -> "TaskRun":
        """Take over the result of an attempt."""
        sent = self.sent and state.current not in TERMINAL
        return TaskRun(
            self.id, self.task_id, state, self.parent_id, self.value, self.iteration, attempts, outputs, self.epoch, sent, self.dynamic
        )


@dataclass(frozen=True, slots=True)
class ExecutionTrigger:
    """What started an execution: a trigger of the flow, or the task of a parent execution (then `id` is the task's)."""

    id: str
    type: str
    variables: Mapping[str, Any] = field(default_factory=dict)
    log_file: str | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """The head of an execution: everything but its task runs.

    Attributes:
        attempt_number: 1 for the first run; a restart, replay or flow-level retry adds one.
        original_created_date: when the first of a line of retried executions was created.
        error: why the execution failed where no task run tells it.
    """

    id: str
    namespace: str
    flow_id: str
    flow_revision: int
    state: State
    tenant_id: str = "main"
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] | None = None
    labels: tuple[Label, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    trigger: ExecutionTrigger | None = None
    parent_id: str | None = None
    original_id: str | None = None
    schedule_date: datetime | None = None
    attempt_number: int = 1
    original_created_date: datetime | None = None
    kind: str | None = None
    breakpoints: tuple[str, ...] = ()
    deleted: bool = False
    error: str | None = None

    def with_state(self, state: StateType, date: datetime) -> "Execution":
        """Enter a state."""
        if state is self.state.current:
            return self
        return Execution(
            self.id,
            self.namespace,
            self.flow_id,
            self.flow_revision,
            self.state.to(state, date),
            self.tenant_id,
            self.inputs,
            self.outputs,
            self.labels,
            self.variables,
            self.trigger,
            self.parent_id,
            self.original_id,
            self.schedule_date,
            self.attempt_number,
            self.original_created_date,
            self.kind,
            self.breakpoints,
            self.deleted,
            self.error,
        )
