"""Executions that have just ended: remembered for a while, so that a `Create` that comes twice does not begin one again.

A producer that heard nothing from the broker sends again; where no repository can be asked, only this tells that the execution is over.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from kestra_stream.queue.interface import StateChange

ENDED = "ended"
"""Part of the state of an execution that was let go: when it had ended."""
REMEMBERED = timedelta(minutes=5)
_TOGETHER = timedelta(seconds=5)
_MOST = 5_000


class Ended:
    """When executions have ended, in about the order in which they did; kept beside the partitions, so whoever takes over knows it too."""

    def __init__(self) -> None:
        self._at: dict[str, datetime] = {}

    def add(self, execution_id: str, at: datetime) -> None:
        """Remember one."""
        self._at.pop(execution_id, None)
        self._at[execution_id] = at

    def forget(self, execution_ids: Iterable[str]) -> None:
        """Let go of some."""
        for execution_id in execution_ids:
            self._at.pop(execution_id, None)

    def next_at(self) -> datetime | None:
        """Tell when the first ones are to be forgotten; a few seconds of them go together."""
        first = next(iter(self._at.values()), None)
        return None if first is None else first + REMEMBERED + _TOGETHER

    def due(self, now: datetime) -> list[str]:
        """Return who is to be forgotten."""
        due: list[str] = []
        for execution_id, at in self._at.items():
            if at + REMEMBERED > now or len(due) == _MOST:
                break
            due.append(execution_id)
        return due

    def __contains__(self, execution_id: str) -> bool:
        """Whether one has ended not long ago."""
        return execution_id in self._at

    def __len__(self) -> int:
        """How many are remembered."""
        return len(self._at)


class Endings:
    """What the present batch changes in who has ended; true once it is committed."""

    def __init__(self, ended: Ended) -> None:
        self._ended = ended
        self._staged: dict[str, datetime | None] = {}

    def note(self, execution_id: str, at: datetime | None) -> Sequence[StateChange]:
        """Take note that an execution has ended, or goes on (None); return what is to be kept of it."""
        if at is not None:
            self._staged[execution_id] = at
        elif execution_id in self:
            self._staged[execution_id] = None
        return (StateChange(execution_id, ENDED, at),) if execution_id in self._staged else ()

    def let_go(self, now: datetime) -> Sequence[StateChange]:
        """Forget who ended long ago; return what is to be kept of it."""
        due = self._ended.due(now)
        self._staged.update(dict.fromkeys(due))
        return [StateChange(execution_id, ENDED, None) for execution_id in due]

    def rolled_back(self) -> None:
        """The batch is void."""
        self._staged.clear()

    def committed(self) -> Sequence[str]:
        """The batch is true; return whom it has changed."""
        changed = tuple(self._staged)
        for execution_id, at in self._staged.items():
            if at is not None:
                self._ended.add(execution_id, at)
            else:
                self._ended.forget((execution_id,))
        self._staged.clear()
        return changed

    def __contains__(self, execution_id: str) -> bool:
        """Whether one has ended not long ago."""
        if execution_id in self._staged:
            return self._staged[execution_id] is not None
        return execution_id in self._ended
