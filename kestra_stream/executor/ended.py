"""Executions that have just ended: remembered for a while, so that a `Create` that comes twice does not begin one again.

A producer that heard nothing from the broker sends again; where no repository can be asked, only this tells that the execution is over.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

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
