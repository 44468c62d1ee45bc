"""Clock: the one place where the present moment comes from."""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

logger = logging.getLogger(__name__)

MOST_SKEW = timedelta(minutes=1)
"""Clocks that are further apart are worth a warning."""
_TICK = 0.001


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that only ever grow, for measuring."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return time.monotonic()


class LogClock:
    """Goes by the log's time: what is due is due for all processes at once, however far apart their machines' clocks are. Thread-safe.

        asked ──────────── taken ──────────── answered      a record that was sent; its timestamp is the log's, and lies in between
        (monotonic)        (log's)            (monotonic)

    So the log's time is at least `taken - answered` and at most `taken - asked` more than what the monotonic clock shows. This clock shows
    what is certain: it is late by the way of an answer at most, and never ahead of the log. Before the first record it is the machine's.

    Args:
        machine: the clock that may be wrong; only its monotonic part is believed.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._beginning: float | None = None
        self._is_told = False

    def now(self) -> datetime:
        """The present moment of the log, in UTC."""
        beginning = self._beginning
        if beginning is None:
            return self._machine.now()
        return datetime.fromtimestamp(beginning + self._machine.monotonic(), UTC)

    def monotonic(self) -> float:
        """Seconds that only ever grow."""
        return self._machine.monotonic()

    @property
    def skew_seconds(self) -> float:
        """How far the machine's clock is ahead of the log's."""
        return (self._machine.now() - self.now()).total_seconds()

    def heard(self, taken: float, asked: float, answered: float) -> None:
        """The log has taken a record: when by its own clock (since 1970), and between which moments of the monotonic one; seconds all."""
        least, most = taken - answered, taken + _TICK - asked
        known = self._beginning
        # a log whose clock was set back, or goes slower, is believed at once
        self._beginning = least if known is None or known > most else max(known, least)
        self._compare()

    def _compare(self) -> None:
        skew = self.skew_seconds
        is_apart = abs(skew) > MOST_SKEW.total_seconds()
        if is_apart and not self._is_told:
            way = "ahead of" if skew > 0 else "behind"
            message = "the clock of this machine is %.0f s %s the log's; this process goes by the log's time. Set the clocks by NTP"
            logger.warning(message, abs(skew), way)
        elif self._is_told and not is_apart:
            logger.info("the clock of this machine agrees with the log's again")
        self._is_told = is_apart
