"""Conductor: many stories play on one engine; time stands still while anything happens, and moves only for those who wait.

Each story plays in a thread of its own and comes here to wait. Once the engine is quiet and every story waits:
    1. whoever waited for no time goes on
    2. else the clock moves to the next timer, or to the end of the shortest wait; whose wait is over goes on
    3. without a timer, whoever waited for the end of everything goes on
So time passes for a story only while it waits, as if it were alone.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Condition, Event

from tests.unit.assembly.polling import until

PATIENCE = 120.0
MOST_ROUNDS = 2_000
"""How often the clock is moved; the set needs about a hundred moves."""


class SteppedClock:
    """A clock that stands still but for a microsecond at each look, so that what comes later is later."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 1, tzinfo=UTC)
        self._looks = count()

    def now(self) -> datetime:
        """The present moment."""
        return self._now + timedelta(microseconds=next(self._looks))

    def monotonic(self) -> float:
        """Seconds of real time: a broker that is slow is slow by these."""
        return time.monotonic()

    def advance_to(self, moment: datetime) -> None:
        """Move to a moment that is not past."""
        now = self.now()
        if moment > now:
            self._now += moment - now


@dataclass(eq=False)
class Wait:
    """One story that waits: until a moment, or (None) until nothing is to come any more."""

    until: datetime | None
    over: Event = field(default_factory=Event)


class Conductor:
    """Lets stories wait.

    Args:
        clock: moved here.
        is_quiet: whether the engine does nothing now.
        next_timer: the next moment at which the engine does something by itself.
        moved: called when the clock has moved.
    """

    def __init__(
        self, clock: SteppedClock, is_quiet: Callable[[], bool], next_timer: Callable[[], datetime | None], moved: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._is_quiet = is_quiet
        self._next_timer = next_timer
        self._moved = moved
        self._changed = Condition()
        self._playing: set[str] = set()
        self._waits: dict[str, Wait] = {}
        self._failure = ""

    def expect(self, stories: Iterable[str]) -> None:
        """These stories will play."""
        self._playing.update(stories)

    @contextmanager
    def playing(self, story: str) -> Generator[None, None, None]:
        """Play a story in the block."""
        try:
            yield
        finally:
            with self._changed:
                self._playing.discard(story)
                self._changed.notify_all()

    def wait(self, story: str, seconds: timedelta | None) -> None:
        """Let a story wait for so long (None: until nothing is to come any more)."""
        wait = Wait(None if seconds is None else self._clock.now() + seconds)
        with self._changed:
            self._waits[story] = wait
            self._playing.discard(story)
            self._changed.notify_all()
            if self._failure:
                wait.over.set()
        wait.over.wait()
        assert not self._failure, self._failure

    def run(self) -> None:
        """Conduct until every story has played to its end; when they cannot go on, all of them are ended."""
        try:
            rounds = sum(1 for _ in self._rounds())
            assert rounds < MOST_ROUNDS, f"there is always one more timer; they still wait: {sorted(self._waits)}"
        except BaseException as error:
            self._give_up(f"the conductor gave up: {error}")
            raise

    def _rounds(self) -> Iterator[None]:
        for _ in range(MOST_ROUNDS):
            with self._changed:
                assert self._changed.wait_for(lambda: not self._playing, PATIENCE), f"they play and do not end: {sorted(self._playing)}"
            if not self._waits:
                return
            until(self._is_quiet, PATIENCE)
            self._go_on()
            yield

    def _give_up(self, why: str) -> None:
        with self._changed:
            self._failure = why
            waits = tuple(self._waits.values())
        for wait in waits:
            wait.over.set()

    def _go_on(self) -> None:
        timer = self._next_timer()
        ends = [wait.until for wait in self._waits.values() if wait.until is not None]
        moment = min([*ends, *((timer,) if timer is not None else ())], default=None)
        if moment is not None:
            self._clock.advance_to(moment)
            self._moved()
        now = self._clock.now()
        with self._changed:
            over = {story: wait for story, wait in self._waits.items() if (moment is None if wait.until is None else wait.until <= now)}
            for story in over:
                del self._waits[story]
            self._playing.update(over)
        for wait in over.values():
            wait.over.set()
