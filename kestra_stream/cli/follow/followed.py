"""Followed: events of one execution in, what is known of it so far out; the cost of an event is that of what changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kestra_stream.cli.follow.crowd import Crowd
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.folded import FoldedExecution
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


class Followed:
    """One execution as far as it has been told.

    Attributes:
        folded: what the events tell.
        runs: its task runs by id.
        branches: what is below each run; under None, the root.
        most: how many rounds (or executions) a run wants, as far as was told or seen.
    """

    def __init__(self, head: Execution) -> None:
        self.folded = FoldedExecution()
        self.runs: dict[str, TaskRun] = {}
        self.branches: dict[str | None, Branch] = {}
        self.open: dict[str, None] = {}
        self.most: dict[str, int] = {}
        self._created = head

    @property
    def head(self) -> Execution:
        """The execution itself; as it was created, if nothing more is known."""
        return self.folded.head or self._created

    @property
    def finished(self) -> bool:
        """Whether it has ended, `afterExecution` included."""
        return self.folded.is_finished

    def take(self, event: ExecutionEvent) -> None:
        """Fold an event in."""
        self.folded.fold(event)
        for run_id, count in event.loops.items():
            self.most[run_id] = max(count, self.most.get(run_id, 0))
        for run_id in (*(run.id for run in event.task_runs), *event.removed):
            run = self.folded.run(run_id)
            if run is None:
                self._remove(run_id)
            elif run is not self.runs.get(run_id):
                self._put(run)

    def _put(self, run: TaskRun) -> None:
        self.runs[run.id] = run
        self.branches.setdefault(run.parent_id, Branch()).put(run)
        if run.state.is_terminal:
            self.open.pop(run.id, None)
        else:
            self.open[run.id] = None

    def _remove(self, run_id: str) -> None:
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
