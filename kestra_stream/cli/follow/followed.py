"""Followed: events of one execution in, what is known of it so far out; the cost of an event is that of what changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kestra_stream.cli.follow.crowd import Crowd
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.state import S

_WAITING = frozenset({S.PAUSED, S.RETRYING})
Round = tuple[str | None, int | None]
"""The value and iteration that runs of one round of a loop share; outside of loops all have the same."""


@dataclass(slots=True)
class Branch:
    """The runs below one flowable, or at the root: `rounds` by state, and the runs of each."""

    rounds: Crowd[Round] = field(default_factory=Crowd[Round])
    runs: dict[Round, Crowd[str]] = field(default_factory=dict)

    def put(self, run: TaskRun) -> None:
        """Take in a run, or its new state."""
        key = (run.value, run.iteration)
        crowd = self.runs.setdefault(key, Crowd())
        crowd.put(run.id, run.state.current)
        self.rounds.put(key, crowd.state)

    def remove(self, run: TaskRun) -> None:
        """Forget a run."""
        key = (run.value, run.iteration)
        crowd = self.runs[key]
        crowd.remove(run.id)
        if crowd.states:
            self.rounds.put(key, crowd.state)
        else:
            del self.runs[key]
            self.rounds.remove(key)


@dataclass(slots=True)
class Followed:
    """One execution as far as it has been told.

    Attributes:
        head: the execution itself.
        runs: its task runs by id.
        branches: what is below each run; under None, the root.
        most: how many rounds (or executions) a run was seen to want.
    """

    head: Execution
    runs: dict[str, TaskRun] = field(default_factory=dict)
    branches: dict[str | None, Branch] = field(default_factory=dict)
    open: dict[str, None] = field(default_factory=dict)
    most: dict[str, int] = field(default_factory=dict)
    sequence: int = 0
    finished: bool = False

    def take(self, event: ExecutionEvent) -> None:
        """Fold an event in."""
        self.head = event.execution or self.head
        self.sequence = max(self.sequence, event.sequence)
        self.finished = self.finished or event.finished
        for run in event.task_runs:
            self.runs[run.id] = run
            self.branches.setdefault(run.parent_id, Branch()).put(run)
            if run.state.is_terminal:
                self.open.pop(run.id, None)
            else:
                self.open[run.id] = None
        for run_id in event.removed:
            gone = self.runs.pop(run_id, None)
            if gone is not None:
                self.branches[gone.parent_id].remove(gone)
                self.open.pop(run_id, None)

    def paused_runs(self) -> Iterator[TaskRun]:
        """Runs that wait for somebody."""
        for run_id in self.open:
            if self.runs[run_id].state.current is S.PAUSED:
                yield self.runs[run_id]

    def working_runs(self) -> Iterator[TaskRun]:
        """Runs that are under way and wait neither for a person, nor for their next attempt, nor for runs below them."""
        for run_id in self.open:
            run, branch = self.runs[run_id], self.branches.get(run_id)
            if run.state.current not in _WAITING and (branch is None or not branch.rounds.open):
                yield run
