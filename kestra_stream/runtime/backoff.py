"""Backoff: failures in, how long to wait out; every failure in a row doubles the wait, up to a bound. Waits for nobody itself."""

from kestra_stream.runtime.clock import Clock

_NEVER = float("-inf")


class Backoff:
    """When the next try may be made.

    Args:
        first: seconds after the first failure.
        longest: seconds that no wait exceeds.
    """

    def __init__(self, clock: Clock, first: float = 0.05, longest: float = 5.0) -> None:
        self._clock = clock
        self._first, self._longest = first, longest
        self._next = first
        self._until = _NEVER

    def failed(self) -> float:
        """Note a failure; return the seconds to wait."""
        wait = self._next
        self._until = self._clock.monotonic() + wait
        self._next = min(wait * 2, self._longest)
        return wait

    def succeeded(self) -> None:
        """Note a success: the next failure waits as shortly as the first."""
        self._next, self._until = self._first, _NEVER

    @property
    def left(self) -> float:
        """Seconds until the next try; 0 when it may be made now."""
        return 0.0 if self._until == _NEVER else max(self._until - self._clock.monotonic(), 0.0)
