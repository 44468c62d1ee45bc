"""A `Create` that comes twice begins an execution once, also where no repository tells of those that have ended."""

from collections.abc import Mapping
from datetime import timedelta

import pytest

from kestra_stream.executor.ended import ENDED, REMEMBERED, Ended
from kestra_stream.executor.processor import Executor
from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.queue.interface import Outgoing
from kestra_stream.testing.clock import ManualClock
from kestra_stream.testing.driver import Mischief
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX
from tests.unit.executor.test_recall import FAILS_ONCE, FLOW, LogDriver
from tests.unit.testing.audit import stored

SOON = timedelta(minutes=1)
STORMS = Mischief(reorder=0.3, double=0.2, crash=0.05, rebalance=0.05)


def creation(driver: LogDriver, execution_id: str) -> Outgoing:
    events = driver.log.reader((EXECUTION_EVENT,)).poll(10_000, 0)
    first = next(one.value for one in events if one.key == execution_id and one.value.execution is not None)
    return Outgoing(EXECUTION_INBOX, execution_id, i.Create(first.execution))


def ended(driver: LogDriver) -> str:
    """Let an execution run to its end, and no longer."""
    execution_id = driver.create("line")
    driver.settle(wait=SOON)
    return execution_id


@pytest.mark.parametrize("seed", range(8))
def test_a_create_that_comes_again_after_the_end_begins_nothing(seed: int) -> None:
    driver = LogDriver(FLOW, seed=seed, mischief=STORMS)
    execution_id = ended(driver)
    before = driver.story(execution_id)
    driver.log.send((creation(driver, execution_id),))
    driver.settle(wait=SOON)
    after = driver.story(execution_id)
    assert after.state is S.SUCCESS
    assert (after.execution, after.task_runs) == (before.execution, before.task_runs)


def test_a_restarted_execution_is_remembered_anew_when_it_ends_again() -> None:
    driver = LogDriver(FLOW, seed=1, outcomes=FAILS_ONCE)
    execution_id = ended(driver)
    driver.tell(execution_id, i.Restart())
    driver.settle(wait=SOON)
    driver.log.send((creation(driver, execution_id),))
    driver.settle(wait=SOON)
    assert driver.story(execution_id).execution.attempt_number == 2


def test_only_the_end_is_kept_of_an_execution_and_in_time_nothing() -> None:
    driver = LogDriver(FLOW, seed=2)
    execution_id = ended(driver)
    assert {name: tuple(parts) for name, parts in stored(driver, Executor).items()} == {execution_id: (ENDED,)}
    later = LogDriver(FLOW, seed=2)
    ended(later)
    later.settle(wait=REMEMBERED + SOON)
    kept: Mapping[str, object] = stored(later, Executor)
    assert not kept


def test_those_of_a_few_seconds_are_forgotten_together_and_the_oldest_first() -> None:
    clock, known = ManualClock(), Ended()
    for number in range(3):
        known.add(f"{number}", clock.now() + timedelta(seconds=number))
    known.add("0", clock.now() + timedelta(seconds=10))
    wanted = known.next_at()
    assert wanted is not None
    assert known.due(wanted) == ["1", "2"]
    known.forget(("1", "2"))
    assert "1" not in known
    assert "0" in known
    assert known.due(wanted) == []
