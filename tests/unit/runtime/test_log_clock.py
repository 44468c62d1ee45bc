"""A clock that goes by the log's time: never ahead of it, late by the way of an answer at most, whatever the machine's clock does."""

import logging
from datetime import datetime, timedelta
from random import Random

import pytest

from kestra_stream.runtime.clock import LogClock
from kestra_stream.testing.clock import ManualClock

HOUR = timedelta(hours=1)


class World:
    """A log whose clock is right, and a machine: its monotonic clock began at another time and its wall clock may be anywhere."""

    def __init__(self) -> None:
        self.log = ManualClock()
        self.skew = timedelta()
        self.clock = LogClock(self)

    def now(self) -> datetime:
        """What the machine's wall clock shows."""
        return self.log.now() + self.skew

    def monotonic(self) -> float:
        """What its monotonic clock shows."""
        return self.log.monotonic() - 1_000_000

    def ask(self, there: float, back: float) -> None:
        """Send a record, which is so long on its way, and its answer too."""
        asked = self.monotonic()
        self.log.advance(timedelta(seconds=there))
        taken = int(self.log.now().timestamp() * 1000) / 1000
        self.log.advance(timedelta(seconds=back))
        self.clock.heard(taken, asked, self.monotonic())

    @property
    def late(self) -> float:
        """By how many seconds the clock is behind the log."""
        return (self.log.now() - self.clock.now()).total_seconds()


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("seed", range(50))
def test_it_is_never_ahead_and_late_by_the_shortest_answer_at_most(world: World, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test
    world.skew = timedelta(seconds=random.uniform(-10_000, 10_000))
    shortest = float("inf")
    for _ in range(40):
        back = random.expovariate(10)
        shortest = min(shortest, back)
        world.ask(random.expovariate(10), back)
        world.log.advance(timedelta(seconds=random.uniform(0, 10)))
        assert -1e-5 <= world.late <= shortest + 0.0011
        world.skew += timedelta(seconds=random.choice([0, 0, 0, -3600, 3600]))
        assert -1e-5 <= world.late <= shortest + 0.0011


def test_before_the_first_answer_it_is_the_clock_of_the_machine(world: World) -> None:
    world.skew = HOUR
    assert world.late == -3600
    assert world.clock.skew_seconds == 0


@pytest.mark.parametrize("step", [-HOUR, HOUR], ids=["back", "forth"])
def test_a_log_whose_clock_is_set_is_believed_with_the_next_answer(world: World, step: timedelta) -> None:
    world.ask(0.1, 0.1)
    asked = world.monotonic()
    world.log._now += step  # noqa: SLF001 - a clock that is set back
    taken, answered = world.log.now().timestamp(), world.monotonic() - step.total_seconds()
    world.clock.heard(taken, asked, answered)
    shown = world.clock.now().timestamp() - world.monotonic() + answered
    assert shown == pytest.approx(taken, abs=0.01)


@pytest.mark.parametrize(("skew", "said"), [(HOUR, "3600 s ahead of the log's"), (-HOUR, "3600 s behind the log's")])
def test_a_machine_that_is_far_off_is_named_once_until_it_agrees(
    world: World, skew: timedelta, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for each in (timedelta(), skew, skew, timedelta(seconds=5), skew):
        world.skew = each
        world.ask(0.001, 0.001)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert said in caplog.messages[0]
    assert "by NTP" in caplog.messages[0]
    assert "agrees" in caplog.messages[1]
    assert world.clock.skew_seconds == pytest.approx(skew.total_seconds(), abs=0.01)
