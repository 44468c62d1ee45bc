"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class ManualClock:
    """Tells the moment that it was set to."""

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2030, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The present moment."""
        return self._now

    def monotonic(self) -> float:
        """The present moment in seconds."""
        return self._now.timestamp()

    def advance(self, by: timedelta) -> None:
        """Move on."""
        self._now += by

    def advance_to(self, moment: datetime) -> None:
        """Move to a moment that is not past."""
        self._now = max(self._now, moment)
