"""Processes whose clocks are an hour apart: nothing is lost, doubled or stuck, whoever is ahead."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import Create
from kestra_stream.models.messages import ServiceHeartbeat, ServiceState
from kestra_stream.models.state import State, StateType
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.serde import to_bytes
from kestra_stream.runtime.loop import Loop
from kestra_stream.runtime.processor import Processor
from kestra_stream.testing.clock import ManualClock
from kestra_stream.testing.driver import Driver
from kestra_stream.topics import EXECUTION_INBOX, SERVICE

HOUR = timedelta(hours=1)
FLOW = """
id: main
namespace: t.t
concurrency: {limit: 1}
tasks:
  - {id: first, type: io.kestra.plugin.core.log.Log, message: x, retry: {type: constant, interval: PT10S, maxAttempts: 3}}
  - {id: pause, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT30S}
  - id: limited
    type: io.kestra.plugin.core.flow.Sequential
    timeout: PT20S
    tasks:
      - {id: waits, type: io.kestra.plugin.core.flow.Pause}
errors:
  - {id: failed, type: io.kestra.plugin.core.log.Log, message: x}
"""


class Skewed(ManualClock):
    """Another machine's clock."""

    def __init__(self, true: ManualClock, skew: timedelta) -> None:
        super().__init__()
        self._true, self._skew = true, skew

    def now(self) -> datetime:
        return self._true.now() + self._skew

    def monotonic(self) -> float:
        return self._true.monotonic()


class SkewedDriver(Driver):
    """The processors live on a machine whose clock is wrong; the log keeps the true time."""

    def __init__(self, skew: timedelta, **options: Any) -> None:
        self.skew = skew
        super().__init__(FLOW, **options)

    def _join(self, factory: Callable[[], Processor]) -> None:
        self.loops.append(Loop(factory(), self.log, Skewed(self.clock, self.skew), lambda record: to_bytes(record.value)))

    def _next_moment(self) -> datetime | None:
        moment: datetime | None = super()._next_moment()
        return None if moment is None or moment.year <= 1 else moment - self.skew


@pytest.mark.parametrize("skew", [-HOUR, HOUR], ids=["behind", "ahead"])
@pytest.mark.parametrize("worker_skew", [-HOUR, timedelta(), HOUR], ids=["worker behind", "worker true", "worker ahead"])
def test_retries_pauses_timeouts_and_slots_come_to_their_end(skew: timedelta, worker_skew: timedelta) -> None:
    driver = SkewedDriver(skew, outcomes={"first": [StateType.FAILED, StateType.SUCCESS, StateType.SUCCESS]})
    driver.worker._clock = Skewed(driver.clock, worker_skew)  # noqa: SLF001 - the worker's machine has a clock of its own
    ids = [driver.create("main") for _ in range(2)]
    driver.settle()
    for execution_id in ids:
        story = driver.story(execution_id)
        assert story.state is StateType.FAILED
        assert story.states() == {
            "first": ["SUCCESS"],
            "pause": ["SUCCESS"],
            "limited": ["FAILED"],
            "waits": ["FAILED"],
            "failed": ["SUCCESS"],
        }
    assert sum(len(driver.story(execution_id).run("first").attempts) for execution_id in ids) == 4


@pytest.mark.parametrize("skew", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_a_worker_whose_clock_is_wrong_is_named_once_and_lost_when_it_is_silent_and_not_before(
    skew: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    driver = SkewedDriver(timedelta())
    clock = Skewed(driver.clock, skew)
    end = driver.clock.now() + timedelta(minutes=5)
    while driver.clock.now() < end:
        driver.log.send((Outgoing(SERVICE, "w", ServiceHeartbeat("w", "WORKER", ServiceState.RUNNING, clock.now())),))
        driver.settle(wait=timedelta(seconds=5))
    assert states(driver) == {ServiceState.RUNNING}
    (line,) = caplog.messages
    assert f"the clock of worker w is 3600 s {'behind' if skew < timedelta() else 'ahead of'} the log's" in line
    driver.settle(wait=timedelta(minutes=5))
    assert ServiceState.TERMINATED in states(driver)


def states(driver: Driver) -> set[ServiceState]:
    """Return what was told of the worker."""
    return {record.value.state for records in driver.log.reader((SERVICE,)).catch_up() for record in records}


@pytest.mark.parametrize("skew", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_an_execution_whose_creator_has_a_wrong_clock_begins_when_the_log_takes_it(skew: timedelta) -> None:
    """Its deadline counts from there."""
    driver = Driver(FLOW.replace("concurrency: {limit: 1}", "sla: [{id: late, type: MAX_DURATION, duration: PT30M, behavior: FAIL}]"))
    head = Execution("x", "t.t", "main", 0, State.created(driver.clock.now() + skew))
    taken = driver.clock.now()
    driver.log.send((Outgoing(EXECUTION_INBOX, head.id, Create(head)),))
    driver.settle(wait=timedelta(0))
    assert taken <= driver.story("x").execution.state.start_date <= driver.clock.now()
    driver.settle()
    assert "the agreement `late` is violated" not in driver.story("x").messages
