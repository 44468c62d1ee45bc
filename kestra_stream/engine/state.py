"""The state of one live execution: head, persistent map of task runs, and one small scope for each open flowable.

Everything is frozen and shared: an input makes a new state that differs in O(log n) places.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from immutables import Map

from kestra_stream.engine.collected import Collected
from kestra_stream.engine.plan import Plan, Section
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_input import ParentLink
from kestra_stream.models.flow import Flow
from kestra_stream.models.state import StateType
from kestra_stream.models.stored_state import Phase, Timer


class Chunked(Sequence[str]):
    """The rendered values of a ForEach, cut into chunks so that each can be stored as a record of its own."""

    __slots__ = ("_length", "chunks")
    SIZE = 1000

    def __init__(self, chunks: tuple[tuple[str, ...], ...]) -> None:
        self.chunks = chunks
        self._length = sum(map(len, chunks))

    @classmethod
    def of(cls, values: Sequence[str]) -> "Chunked":
        """Cut a list."""
        return cls(tuple(tuple(values[start : start + cls.SIZE]) for start in range(0, len(values), cls.SIZE)))

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: object) -> Any:
        if not isinstance(index, int) or not 0 <= index < self._length:
            raise IndexError(index)
        return self.chunks[index // self.SIZE][index % self.SIZE]


class Scope(NamedTuple):
    """How far an open flowable (or the root of the flow) has come. Counts are of its main children unless said otherwise.

    Attributes:
        section: the branch that runs now.
        created: next main child to create: an index of the branch, of the (value, child) pairs, or of the batches.
        open: children of every branch that have not ended.
        ended: main children that have ended.
        running: places taken: open main children, or values with an open child.
        branch: name of the branch of main children (`then`, `case:a`, ... ).
        values: of a ForEach.
        ready: of a Dag: indexes that may start as soon as there is a place, in order.
        met: of a Dag: how many dependencies of the other indexes have ended.
        open_flowables: ids of children that are flowables and have not ended.
        iteration: round of a LoopUntil, 1-based; `round_started` when its first round began.
        batches: of a ForEachItem: how many, which have ended and how many in each state.
        kept: runs that a replay has kept of values whose turn has not come.
    """

    section: Section = Section.MAIN
    created: int = 0
    open: int = 0
    ended: int = 0
    running: int = 0
    failed: int = 0
    killed: int = 0
    warned: int = 0
    branch: str = Section.MAIN
    values: Chunked | None = None
    ready: tuple[int, ...] = ()
    met: Map[int, int] = Map()
    open_flowables: Map[str, None] = Map()
    iteration: int = 1
    first_round: datetime | None = None
    batches: "Batches | None" = None
    kept: Map[str, None] = Map()

    def moved(self, created: int, running: int, opened: int = 0, flowables: Map[str, None] | None = None) -> "Scope":
        """Move the counts of what has been created, takes a place and is open."""
        return self._replace(
            created=self.created + created,
            open=self.open + opened,
            running=self.running + running,
            open_flowables=self.open_flowables if flowables is None else flowables,
        )

    def with_ended(self, state: StateType, running: int, flowables: Map[str, None]) -> "Scope":
        """Count the end of a main child, which gives back `running` places."""
        return self._replace(
            open=self.open - 1,
            ended=self.ended + 1,
            running=self.running - running,
            failed=self.failed + (state is StateType.FAILED),
            killed=self.killed + (state is StateType.KILLED),
            warned=self.warned + (state is StateType.WARNING),
            open_flowables=flowables,
        )


@dataclass(frozen=True, slots=True)
class Batches:
    """Progress of the child executions of a ForEachItem."""

    total: int
    ended: Map[int, StateType] = field(default_factory=Map)
    counts: Mapping[str, int] = field(default_factory=dict)


class WorkKind(StrEnum):
    """What is left to do for a task run or scope."""

    DISPATCH = "dispatch"
    FOLD = "fold"
    ADVANCE = "advance"
    REOPEN = "reopen"
    LOOP = "loop"
    AFTER = "after"
    OUTPUTS = "outputs"
    BEGIN = "begin"


Work = tuple[WorkKind, str]


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that must wait, in order of arrival."""

    items: Map[int, Work] = field(default_factory=Map)
    first: int = 0
    next: int = 0

    def with_work(self, work: Work) -> "Backlog":
        """Append."""
        return Backlog(self.items.set(self.next, work), self.first, self.next + 1)

    def taken(self) -> Sequence[Work]:
        """All work, oldest first."""
        return [self.items[number] for number in range(self.first, self.next)]


EMPTY_BACKLOG = Backlog()


Answers = Map[str, tuple[Any, str | None]]


class ExecutionState(NamedTuple):
    """Everything that `decide` knows of one execution.

    Attributes:
        sequence: number of the last event.
        open_runs: ids of runs that have not ended.
        paused, retrying: ids of runs in that state.
        todo: work that must wait (for a resume, a retry, the next slice of a fan-out), by arrival number.
        children: open child executions -> the run (and 1-based batch) that waits for them.
        answers: what look-ups found for a piece of work: run id or "" -> call key -> (value, error); forgotten once it is done.
        end: the state to end with, once the root has been resolved.
        violated: ids of agreements that were violated already.
        inside_loops: ids of child runs by parent, for runs inside a LoopUntil.
        batch_outputs: flow outputs of the child executions of a ForEachItem, by run and 1-based batch.
        loop_values: rendered values of open ForEach runs, kept so that a restore does not render them again.
        broken: open flowables that have failed though none of their children has (a timeout, a LoopUntil without end).
        failure: task id and message of the first failure, for `error` in expressions.
        newest: the newest revision of the flow, where that is another; told anew for each input while the execution waits.
        spent: steps of the language that its expressions have used of late, as of `spent_at` (see `engine/allowance.py`).
    """

    plan: Plan
    execution: Execution
    phase: Phase = Phase.WAITING
    sequence: int = 0
    task_runs: Map[str, TaskRun] = Map()
    scopes: Map[str, Scope] = Map()
    outputs: Collected = Collected()
    task_states: Collected = Collected()
    open_runs: Map[str, None] = Map()
    paused: Map[str, None] = Map()
    retrying: Map[str, None] = Map()
    todo: Backlog = EMPTY_BACKLOG
    timers: Map[str, Timer] = Map()
    children: Map[str, tuple[str, int | None]] = Map()
    answers: Map[str, Answers] = Map()
    parent: ParentLink | None = None
    has_slot: bool = False
    is_continuing: bool = False
    end: StateType | None = None
    violated: tuple[str, ...] = ()
    provided_inputs: Mapping[str, object] | None = None
    log_lines: int = 0
    failure: Mapping[str, object] | None = None
    inside_loops: Map[str, Map[str, None]] = Map()
    batch_outputs: Map[str, Map[int, Mapping[str, object]]] = Map()
    loop_values: Map[str, Chunked] = Map()
    newest: Flow | None = None
    broken: Map[str, None] = Map()
    spent: int = 0
    spent_at: datetime | None = None
