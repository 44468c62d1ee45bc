"""One execution, folded from its events in whatever order they come: what the repository, followers and time travel know."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent

_POSITIONS = 32
"""Bits of a birth that hold the place inside of its event; the sequence stands above them."""


class _Known(NamedTuple):
    """A task run as the event of the highest sequence told it, and its birth: the first event that told of it."""

    sequence: int
    birth: int
    run: TaskRun


class _Removed(NamedTuple):
    """A run that is gone since `removed_at`; the rest is what `_Known` held, without the run's content."""

    removed_at: int
    sequence: int
    birth: int
    created: datetime | None


class FoldedExecution:
    """The head and the task runs by id. One event costs what it changes; the order in which the runs came to be is kept.

    A run that comes again after its removal has another date of creation; with it begins another birth.

    Attributes:
        head: the head that the event of the highest sequence told; None as long as none has.
        sequence: the highest number of an event.
        finished_at: number of the last event that told of the end; 0 for none.
    """

    __slots__ = ("_head_at", "_in_order", "_known", "_last_birth", "_open_at", "_removed", "finished_at", "head", "sequence")

    def __init__(self) -> None:
        self.head: Execution | None = None
        self.sequence = 0
        self.finished_at = 0
        self._head_at = 0
        self._open_at = 0
        self._known: dict[str, _Known] = {}
        self._removed: dict[str, _Removed] = {}
        self._last_birth = 0
        self._in_order = True

    @property
    def is_finished(self) -> bool:
        """Whether it has ended, `afterExecution` included, and was not brought back to life since."""
        return self.finished_at > self._open_at

    def fold(self, event: ExecutionEvent) -> None:
        """Take in what an event changes."""
        sequence = event.sequence
        self.sequence = max(self.sequence, sequence)
        if event.execution is not None:
            if sequence > self._head_at:
                self.head, self._head_at = event.execution, sequence
            if sequence > self._open_at and not event.execution.state.is_terminal:
                self._open_at = sequence
        if event.finished:
            self.finished_at = max(self.finished_at, sequence)
        birth = sequence << _POSITIONS
        for run in event.task_runs:
            self._tell(run, sequence, birth)
            birth += 1
        for run_id in event.removed:
            self._remove(run_id, sequence)

    def run(self, run_id: str) -> TaskRun | None:
        """Return a run as it is now."""
        known = self._known.get(run_id)
        return None if known is None else known.run

    def listed(self, start: int = 0, stop: int | None = None) -> Sequence[TaskRun]:
        """Return runs in the order in which they came to be."""
        if not self._in_order:
            self._known = dict(sorted(self._known.items(), key=lambda item: item[1].birth))
            self._in_order = True
            self._last_birth = next(reversed(self._known.values())).birth if self._known else 0
        return tuple(known.run for known in islice(self._known.values(), start, stop))

    def _tell(self, run: TaskRun, sequence: int, birth: int) -> None:
        known = self._known.get(run.id)
        if known is not None:
            self._change(known, run, sequence, birth)
            return
        gone = self._removed.get(run.id)
        if gone is None:
            self._append(run, sequence, birth)
            return
        created = run.state.start_date
        if sequence > gone.sequence:
            birth = min(birth, gone.birth) if created == gone.created else birth
        elif created == gone.created:
            self._removed[run.id] = gone._replace(birth=min(birth, gone.birth))
            return
        if sequence > gone.removed_at:
            self._append(run, sequence, birth)
        elif sequence > gone.sequence:
            self._removed[run.id] = _Removed(gone.removed_at, sequence, birth, created)

    def _change(self, known: _Known, run: TaskRun, sequence: int, birth: int) -> None:
        is_same_life = known.run.state.histories[0].date == run.state.histories[0].date
        if sequence > known.sequence:
            if not is_same_life:
                del self._known[run.id]
                self._append(run, sequence, birth)
                return
            self._known[run.id] = _Known(sequence, known.birth, run)
        elif is_same_life and birth < known.birth:
            self._known[run.id] = known._replace(birth=birth)
            self._in_order = False

    def _append(self, run: TaskRun, sequence: int, birth: int) -> None:
        if birth > self._last_birth:
            self._last_birth = birth
        else:
            self._in_order = False
        self._known[run.id] = _Known(sequence, birth, run)

    def _remove(self, run_id: str, sequence: int) -> None:
        known = self._known.get(run_id)
        gone = self._removed.get(run_id)
        if gone is not None and gone.removed_at >= sequence:
            return
        if known is None:
            old = gone or _Removed(sequence, 0, 0, None)
            self._removed[run_id] = old._replace(removed_at=sequence)
        else:
            self._removed[run_id] = _Removed(sequence, known.sequence, known.birth, known.run.state.start_date)
            if sequence > known.sequence:
                del self._known[run_id]
