"""One step of an execution: a draft over the frozen state that the rules change, and that becomes the next state and its commands."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from immutables import Map

from kestra_stream.engine import commands as c
from kestra_stream.engine.plan import Node
from kestra_stream.engine.state import EMPTY_BACKLOG, Chunked, ExecutionState, Phase, Scope, Timer, TimerKind, Work, WorkKind
from kestra_stream.engine.vault import masked
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import Continued, ExecutionInput
from kestra_stream.models.ids import derived_id
from kestra_stream.models.messages import KillRequest
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import S, StateType

MOST_NEW_RUNS = 500
TIMERS_OF_A_RUN = ("retry", "pause", "pause-timeout", "loop")


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an input: the next state, what to send, and which parts of the stored state differ.

    Attributes:
        parts: what differs in the stored state, by the names of `engine/store.py`; None drops a part.
    """

    state: ExecutionState
    commands: tuple[c.Command, ...] = ()
    parts: Mapping[str, Any] = field(default_factory=dict)


class Step:
    """The draft. Rules read and change it; `decision()` freezes it. See `ExecutionState` for the fields of the same name."""

    __slots__ = (
        "_changed",
        "_commands",
        "_fresh_head",
        "_removed",
        "answers",
        "batch_outputs",
        "budget",
        "children",
        "end",
        "execution",
        "existing",
        "failure",
        "has_slot",
        "inside_loops",
        "is_continuing",
        "log_lines",
        "loop_values",
        "newest",
        "now",
        "offered",
        "open_runs",
        "outputs",
        "parent",
        "parts",
        "paused",
        "pausing",
        "phase",
        "plan",
        "provided_inputs",
        "queue",
        "retrying",
        "revealed",
        "scopes",
        "state",
        "task_runs",
        "task_states",
        "timers",
        "todo",
        "violated",
    )

    def __init__(self, state: ExecutionState, now: datetime) -> None:
        self.state = state
        self.now = now
        self.plan = state.plan
        self.execution = state.execution
        self.phase = state.phase
        self.task_runs = state.task_runs
        self.scopes = state.scopes
        self.outputs = state.outputs
        self.task_states = state.task_states
        self.open_runs = state.open_runs
        self.paused = state.paused
        self.retrying = state.retrying
        self.todo = state.todo
        self.timers = state.timers
        self.children = state.children
        self.answers = state.answers
        self.parent = state.parent
        self.has_slot = state.has_slot
        self.is_continuing = state.is_continuing
        self.end = state.end
        self.violated = state.violated
        self.provided_inputs = state.provided_inputs
        self.log_lines = state.log_lines
        self.failure = state.failure
        self.inside_loops = state.inside_loops
        self.batch_outputs = state.batch_outputs
        self.loop_values = state.loop_values
        self.newest = state.newest
        self.parts: dict[str, Any] = {}
        self.existing: dict[str, list[TaskRun]] | None = None
        self.queue: deque[Work] = deque()
        self.pausing: list[str] = []
        self.offered: list[tuple[str, int]] = []
        self.budget = MOST_NEW_RUNS
        self.revealed: list[str] = []
        self._commands: list[c.Command] = []
        self._changed: dict[str, None] = {}
        self._removed: dict[str, None] = {}
        self._fresh_head = False

    # -- the head ------------------------------------------------------------------------------------------------

    def enter(self, state: StateType) -> None:
        """Set the execution's state."""
        if state is not self.execution.state.current:
            self.change_head(self.execution.with_state(state, self.now))

    def change_head(self, execution: Execution) -> None:
        """Replace the head; it will be in the event."""
        self.execution = execution
        self._fresh_head = True

    @property
    def is_running(self) -> bool:
        """Whether new task runs may come to be and be sent."""
        return self.execution.state.current is S.RUNNING or self.phase is Phase.AFTER

    @property
    def is_killing(self) -> bool:
        """Whether a kill waits for its last task runs."""
        return self.execution.state.current is S.KILLING

    # -- task runs -----------------------------------------------------------------------------------------------

    def node(self, run: TaskRun) -> Node:
        """Return the place of a run's task in the plan."""
        return self.plan.nodes[run.task_id]

    def parent_run(self, run: TaskRun) -> TaskRun | None:
        """Return the run of the flowable around a run."""
        return self.task_runs[run.parent_id] if run.parent_id is not None else None

    def put(self, run: TaskRun) -> None:
        """Store a run, new or changed."""
        before = self.task_runs.get(run.id)
        self.task_runs = self.task_runs.set(run.id, run)
        self._changed[run.id] = None
        self._removed.pop(run.id, None)
        current = run.state.current
        if before is None and self.node(run).is_in_loop:
            around = run.parent_id or ""
            self.inside_loops = self.inside_loops.set(around, self.inside_loops.get(around, Map()).set(run.id, None))
        if run.state.is_terminal:
            if before is None or run.id in self.open_runs:
                self._close(run)
        elif before is None or run.id not in self.open_runs:
            self.open_runs = self.open_runs.set(run.id, None)
        if current is S.RETRYING:
            self.retrying = self.retrying.set(run.id, None)
        elif run.id in self.retrying:
            self.retrying = self.retrying.delete(run.id)
        if self.paused and current is not S.PAUSED and run.id in self.paused:
            self.paused = tuple(other for other in self.paused if other != run.id)
        if self.plan.uses_task_states:
            self.task_states = self.task_states.with_value(self.path(run), {"state": current.value})

    def _close(self, run: TaskRun) -> None:
        if run.id in self.open_runs:
            self.open_runs = self.open_runs.delete(run.id)
        if run.id in self.scopes:
            self.scopes = self.scopes.delete(run.id)
        if run.id in self.loop_values:
            self.set_loop_values(run.id, None)
        if self.answers:
            self.forget_answers(run.id)
        self._cancel_timers_of(run.id)
        self.push(WorkKind.FOLD, run.id)

    def drop(self, run: TaskRun) -> None:
        """Remove a run as if it had never been."""
        self.task_runs = self.task_runs.delete(run.id)
        self._removed[run.id] = None
        self._changed.pop(run.id, None)
        self.open_runs = self.open_runs.delete(run.id) if run.id in self.open_runs else self.open_runs
        self.retrying = self.retrying.delete(run.id) if run.id in self.retrying else self.retrying
        self.scopes = self.scopes.delete(run.id) if run.id in self.scopes else self.scopes
        self.paused = tuple(other for other in self.paused if other != run.id)
        self._cancel_timers_of(run.id)
        if run.outputs:
            self.outputs = self.outputs.without(self.path(run))

    def put_with_outputs(self, run: TaskRun) -> None:
        """Store a run and show its outputs to expressions."""
        if run.outputs:
            self.outputs = self.outputs.with_value(self.path(run), run.outputs)
        self.put(run)

    def path(self, run: TaskRun) -> list[str]:
        """Return the task's id and the values of the loops around the run, outermost first."""
        path = [run.value] if run.value is not None else []
        parent_id = run.parent_id
        while parent_id is not None:
            around = self.task_runs.get(parent_id)
            if around is None:
                break
            if around.value is not None:
                path.append(around.value)
            parent_id = around.parent_id
        path.append(run.task_id)
        path.reverse()
        return path

    def put_scope(self, scope_id: str, scope: Scope) -> None:
        """Store how far a flowable (or the root) has come."""
        self.scopes = self.scopes.set(scope_id, scope)

    def group_existing(self) -> None:
        """Group the runs by parent, oldest first, for scopes that are opened over runs that exist already."""
        groups: dict[str, list[TaskRun]] = {}
        for run in sorted(self.task_runs.values(), key=lambda run: (run.state.start_date, run.iteration or 0, run.id)):
            groups.setdefault(run.parent_id or "", []).append(run)
        self.existing = groups

    # -- work ----------------------------------------------------------------------------------------------------

    def push(self, kind: WorkKind, subject: str) -> None:
        """Note work for this step."""
        self.queue.append((kind, subject))

    def postpone(self, work: Work) -> None:
        """Leave work for a later step."""
        self.todo = self.todo.with_work(work)

    def take_todo(self) -> None:
        """Take up the work that waited, failures first: what waits beside a failure does not go on."""
        if self.todo.items:
            waiting = sorted(self.todo.taken(), key=lambda work: not self._tells_failure(work))
            self.queue.extendleft(reversed(waiting))
            self.todo = EMPTY_BACKLOG

    def _tells_failure(self, work: Work) -> bool:
        run = self.task_runs.get(work[1]) if work[0] is WorkKind.FOLD else None
        return run is not None and run.state.current in {S.FAILED, S.KILLED}

    def take_todo_when_running(self) -> None:
        """Take up the work that waited, unless the execution still waits."""
        if self.is_running:
            self.take_todo()

    def cut(self) -> None:
        """Ask to be called again for the rest of a long piece of work."""
        if not self.is_continuing:
            self.is_continuing = True
            self._commands.append(c.Tell(self.execution.id, Continued()))

    def dispatch_again(self, run_id: str) -> None:
        """Note that a run waits to be sent."""
        self.queue.append((WorkKind.DISPATCH, run_id))

    # -- commands ------------------------------------------------------------------------------------------------

    def command(self, command: c.Command) -> None:
        """Ask for something."""
        self._commands.append(command)

    def tell(self, execution_id: str, message: ExecutionInput) -> None:
        """Send an input to an execution."""
        self._commands.append(c.Tell(execution_id, message))

    def stop_jobs(self) -> None:
        """Tell every worker to stop what was dispatched so far, in this step or before; what comes later is not meant."""
        execution_id = self.execution.id
        self._commands.append(c.StopJobs(KillRequest(execution_id, before=self.state.sequence + 1)))
        for run_id, epoch in self.offered:
            self._commands.append(c.StopJobs(KillRequest(execution_id, run_id, epoch)))

    def set_timer(self, timer_id: str, at: datetime, kind: TimerKind, subject: str) -> None:
        """Ask to be woken."""
        timer = Timer(at, kind, subject)
        self.timers = self.timers.set(timer_id, timer)
        self.parts[f"timer/{timer_id}"] = timer
        self._commands.append(c.SetTimer(timer_id, at))

    def cancel_timer(self, timer_id: str) -> None:
        """Forget a wake-up, if there is one."""
        if self.take_timer(timer_id) is not None:
            self._commands.append(c.CancelTimer(timer_id))

    def _cancel_timers_of(self, run_id: str) -> None:
        if self.timers:
            for kind in TIMERS_OF_A_RUN:
                self.cancel_timer(f"{kind}:{run_id}")

    def take_timer(self, timer_id: str) -> Timer | None:
        """Remove a timer and return it; None when there is none."""
        timer = self.timers.get(timer_id)
        if timer is not None:
            self.timers = self.timers.delete(timer_id)
            self.parts[f"timer/{timer_id}"] = None
        return timer

    def set_child(self, child_id: str, waiting: tuple[str, int | None] | None) -> None:
        """Note an open child execution and the run (and batch) that waits for it; None when it has ended."""
        if waiting is not None:
            self.children = self.children.set(child_id, waiting)
        elif child_id in self.children:
            self.children = self.children.delete(child_id)
        self.parts[f"child/{child_id}"] = waiting

    def set_answer(self, run_id: str, key: str, answer: tuple[Any, str | None]) -> None:
        """Remember what a look-up found for a run."""
        self.answers = self.answers.set((run_id, key), answer)
        self.parts[f"answer/{run_id}/{key}"] = answer

    def set_loop_values(self, run_id: str, values: Chunked | None) -> None:
        """Keep the rendered values of a loop, a chunk a part; None drops them."""
        known = self.loop_values.get(run_id) if values is None else values
        for number, chunk in enumerate(known.chunks if known is not None else ()):
            self.parts[f"values/{run_id}/{number:06}"] = chunk if values is not None else None
        self.loop_values = self.loop_values.delete(run_id) if values is None else self.loop_values.set(run_id, values)

    def log(self, level: Level, message: str, run: TaskRun | None = None) -> None:
        """Write a log line of the execution, or of a task run's present attempt."""
        head = self.execution
        self.log_lines += 1
        self._commands.append(
            c.WriteLog(
                LogEntry(
                    id=derived_id(head.id, "engine", str(self.log_lines)),
                    execution_id=head.id,
                    namespace=head.namespace,
                    flow_id=head.flow_id,
                    timestamp=self.now,
                    level=level,
                    message=self.masked(message),
                    task_id=run.task_id if run else None,
                    task_run_id=run.id if run else None,
                    attempt_number=max(len(run.attempts) - 1, 0) if run else None,
                    tenant_id=head.tenant_id,
                )
            )
        )

    def masked(self, text: str) -> str:
        """Return a text without the secrets that were opened in this step."""
        return masked(text, self.revealed) if self.revealed else text

    def forget_answers(self, run_id: str) -> None:
        """Drop what look-ups found for a run."""
        for key in [key for key in self.answers if key[0] == run_id]:
            self.answers = self.answers.delete(key)
            self.parts[f"answer/{key[0]}/{key[1]}"] = None

    # -- the end -------------------------------------------------------------------------------------------------

    def end_at_once(self, state: StateType) -> None:
        """End the execution without resolving its root: nothing more of its main part starts."""
        self.scopes = Map()
        self.end = state

    def cancel_execution(self, state: StateType) -> None:
        """End the execution, and all flowables that are open, with a state."""
        for run_id in sorted(self.scopes):
            if run_id and not self.task_runs[run_id].state.is_terminal:
                self.put(self.task_runs[run_id].with_state(state, self.now))
        self.end_at_once(state)

    def decision(self) -> Decision:
        """Freeze the draft; an event is published when the head or a task run changed."""
        finished = self.phase is Phase.FINISHED and self.state.phase is not Phase.FINISHED
        sequence = self.state.sequence
        if self._changed or self._removed or self._fresh_head or finished:
            sequence += 1
            self._commands.append(
                c.Publish(
                    ExecutionEvent(
                        self.execution.id,
                        sequence,
                        self.execution if self._fresh_head else None,
                        tuple([self.task_runs[run_id] for run_id in self._changed]),
                        tuple(self._removed),
                        finished,
                    )
                )
            )
        if self.phase is Phase.FINISHED and not self.open_runs and not self.timers:
            self._commands.append(c.Forget())
        for run_id in self._changed:
            self.parts[f"run/{run_id}"] = self.task_runs[run_id]
        for run_id in self._removed:
            self.parts[f"run/{run_id}"] = None
        return Decision(self._frozen(sequence), tuple(self._commands), self.parts)

    def _frozen(self, sequence: int) -> ExecutionState:
        return ExecutionState(
            self.plan,
            self.execution,
            self.phase,
            sequence,
            self.task_runs,
            self.scopes,
            self.outputs,
            self.task_states,
            self.open_runs,
            self.paused,
            self.retrying,
            self.todo,
            self.timers,
            self.children,
            self.answers,
            self.parent,
            self.has_slot,
            self.is_continuing,
            self.end,
            self.violated,
            self.provided_inputs,
            self.log_lines,
            self.failure,
            self.inside_loops,
            self.batch_outputs,
            self.loop_values,
            self.newest,
        )


def with_outputs(run: TaskRun, outputs: Mapping[str, object]) -> TaskRun:
    """Return the run with more outputs."""
    return replace(run, outputs={**(run.outputs or {}), **outputs})
