"""Throttle: any number of log lines in, as many out as a person can read; warnings and errors first."""

from collections.abc import Sequence

from kestra_stream.models.records import Level, LogEntry

_BURST = 60
_A_SECOND = 10


class Throttle:
    """Lets a burst of lines pass, then so many a second; grave lines have an allowance of their own.

    Attributes:
        left_out: lines that did not pass and have not been spoken of yet.
    """

    def __init__(self, burst: int = _BURST, a_second: int = _A_SECOND) -> None:
        self._burst = burst
        self._a_second = a_second
        self._allowances = {False: float(burst), True: float(burst)}
        self._last: float | None = None
        self.left_out = 0

    def passed(self, entries: Sequence[LogEntry], now: float) -> list[LogEntry]:
        """Return the lines that are to be shown, in their order; `now` in seconds."""
        self._refill(now)
        shown = []
        for entry in entries:
            grave = entry.level.is_at_least(Level.WARN)
            if self._allowances[grave] >= 1:
                self._allowances[grave] -= 1
                shown.append(entry)
        self.left_out += len(entries) - len(shown)
        return shown

    def _refill(self, now: float) -> None:
        """Allow more lines, a second's worth at a time, so that they come together."""
        if self._last is None:
            self._last = now
        seconds = int(now - self._last)
        self._last += seconds
        for grave, allowance in self._allowances.items():
            self._allowances[grave] = min(allowance + seconds * self._a_second, self._burst)

    def take_left_out(self) -> int:
        """Return how many lines were left out since this was last asked."""
        count, self.left_out = self.left_out, 0
        return count
