"""History: all events of one execution as the log keeps them in, every state that it ever had out. What the log has lost is told."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.folded import FoldedExecution


@dataclass(frozen=True, slots=True)
class Moment:
    """One event, and when the log took it."""

    event: ExecutionEvent
    at: datetime


@dataclass(frozen=True, slots=True)
class History:
    """The events of one execution, each once, by their numbers.

    Attributes:
        missing: first and last number of every run of events that are not there (any more).
        repeated: numbers of events that are there more than once; the first one counts.
        contradicted: those of `repeated` whose records do not say the same.
    """

    moments: Sequence[Moment] = ()
    missing: Sequence[tuple[int, int]] = ()
    repeated: Sequence[int] = ()
    contradicted: Sequence[int] = ()

    @property
    def last(self) -> int:
        """The highest number of an event; 0 when there is none."""
        return self.moments[-1].event.sequence if self.moments else 0

    def until(self, sequence: int) -> FoldedExecution:
        """Return the state after an event: what all up to it tell together."""
        folded = FoldedExecution()
        for moment in self.moments:
            if moment.event.sequence > sequence:
                break
            folded.fold(moment.event)
        return folded

    def moment(self, sequence: int) -> Moment | None:
        """Return the event of a number."""
        place = bisect_right(self.moments, sequence, key=lambda moment: moment.event.sequence)
        found = self.moments[place - 1] if place else None
        return found if found is not None and found.event.sequence == sequence else None

    def at(self, date: datetime) -> Moment | None:
        """Return the last event that the log had taken at a moment; None before the first."""
        return max((moment for moment in self.moments if moment.at <= date), key=lambda moment: moment.event.sequence, default=None)


def history_of(moments: Iterable[Moment]) -> History:
    """Put events in order, whatever order they come in."""
    known: dict[int, Moment] = {}
    repeated: dict[int, None] = {}
    contradicted: dict[int, None] = {}
    for moment in moments:
        number = moment.event.sequence
        first = known.get(number)
        if first is None:
            known[number] = moment
            continue
        repeated[number] = None
        if first.event != moment.event:
            contradicted[number] = None
    numbers = sorted(known)
    missing = [(before + 1, number - 1) for before, number in zip((0, *numbers), numbers, strict=False) if number > before + 1]
    return History(tuple(known[number] for number in numbers), tuple(missing), tuple(sorted(repeated)), tuple(sorted(contradicted)))
