"""One step of an execution: a draft over the frozen state that the rules change, and that becomes the next state and its commands."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kestra_stream.engine import commands as c
from kestra_stream.engine.allowance import spent_by
from kestra_stream.engine.plan import Node
from kestra_stream.engine.state import ExecutionState, Scope, Work, WorkKind
from kestra_stream.engine.vault import masked
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.ids import derived_id
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import S, State, StateType
from kestra_stream.models.stored_state import Phase

MOST_NEW_RUNS = 500


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from an input: the next state, what to send, and which parts of the stored state differ.

    Attributes:
        parts: what differs in the stored state, by the names of `engine/store.py`; None drops a part.
    """

    state: ExecutionState
    commands: tuple[c.Command, ...] = ()
    parts: Mapping[str, object] = field(default_factory=dict)


class Step:
    """The draft. Rules read and change it, `engine/draft` says how; see `ExecutionState` for the fields of the same name.

    Attributes:
        existing: runs by parent, while scopes are opened over runs that exist already.
        queue: what is to be done in this step.
        pausing: runs that become PAUSED once nothing else can start.
        offered: jobs of this step, as run and epoch.
        budget: how many runs this step may still create.
        fresh: the state of every run that comes to be in this step.
        revealed: secrets that were opened in this step.
        parts, commands: what the decision will hold.
        changed, removed: ids of runs, in order.
    """

    __slots__ = (
        "answers",
        "batch_outputs",
        "broken",
        "budget",
        "changed",
        "children",
        "commands",
        "end",
        "execution",
        "existing",
        "failure",
        "fresh",
        "has_new_head",
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
        "removed",
        "rendered",
        "retrying",
        "revealed",
        "scopes",
        "spent",
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
        self.broken = state.broken
        self.parts: dict[str, object] = {}
        self.existing: dict[str, list[TaskRun]] | None = None
        self.queue: deque[Work] = deque()
        self.pausing: list[str] = []
        self.offered: list[tuple[str, int]] = []
        self.budget = MOST_NEW_RUNS
        self.revealed: list[str] = []
        self.spent = spent_by(state.spent, state.spent_at, now)
        self.rendered = 0
        self.commands: list[c.Command] = []
        self.changed: dict[str, None] = {}
        self.removed: dict[str, None] = {}
        self.has_new_head = False
        self.fresh = State.created(now)

    # -- the head ------------------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether new task runs may come to be and be sent."""
        return self.execution.state.current is S.RUNNING or self.phase is Phase.AFTER

    @property
    def is_killing(self) -> bool:
        """Whether a kill waits for its last task runs."""
        return self.execution.state.current is S.KILLING

    def enter(self, state: StateType) -> None:
        """Set the execution's state."""
        if state is not self.execution.state.current:
            self.change_head(self.execution.with_state(state, self.now))

    def change_head(self, execution: Execution) -> None:
        """Replace the head; it will be in the event."""
        self.execution = execution
        self.has_new_head = True

    # -- places --------------------------------------------------------------------------------------------------

    def node(self, run: TaskRun) -> Node:
        """Return the place of a run's task in the plan."""
        return self.plan.nodes[run.task_id]

    def parent_run(self, run: TaskRun) -> TaskRun | None:
        """Return the run of the flowable around a run."""
        return self.task_runs[run.parent_id] if run.parent_id is not None else None

    def put_scope(self, scope_id: str, scope: Scope) -> None:
        """Store how far a flowable (or the root) has come."""
        self.scopes = self.scopes.set(scope_id, scope)

    # -- what follows --------------------------------------------------------------------------------------------

    def push(self, kind: WorkKind, subject: str) -> None:
        """Note work for this step."""
        self.queue.append((kind, subject))

    def command(self, command: c.Command) -> None:
        """Ask for something."""
        self.commands.append(command)

    def tell(self, execution_id: str, message: ExecutionInput) -> None:
        """Send an input to an execution."""
        self.commands.append(c.Tell(execution_id, message))

    def log(self, level: Level, message: str, run: TaskRun | None = None) -> None:
        """Write a log line of the execution, or of a task run's present attempt."""
        head = self.execution
        self.log_lines += 1
        self.commands.append(
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
