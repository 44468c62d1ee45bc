"""The limit of concurrency is that of a flow's newest revision, and a changed limit moves the line."""

from datetime import timedelta

import pytest

from kestra_stream.models.state import S
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.testing.driver import Driver, Mischief

FLOW = """
id: limited
namespace: t.t
%s
tasks:
  - {id: wait, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT10M}
"""
ONE, TWO = "concurrency: {limit: 1}", "concurrency: {limit: 2}"


def states(driver: Driver, ids: list[str]) -> list[str]:
    return [driver.story(one).state.value for one in ids]


def three_in_line(**chances: float) -> tuple[Driver, list[str]]:
    driver = Driver(FLOW % ONE, seed=3, mischief=Mischief(**chances))
    ids = [driver.create("limited", execution_id=f"e{number}") for number in range(3)]
    driver.settle(wait=timedelta(seconds=5))
    return driver, ids


def save(driver: Driver, concurrency: str) -> None:
    driver.add_flow(parse_flow(FLOW % concurrency))
    driver.settle(wait=timedelta(seconds=5))


def test_a_raised_limit_admits_whoever_fits_now() -> None:
    driver, ids = three_in_line()
    assert sorted(states(driver, ids)) == ["PAUSED", "QUEUED", "QUEUED"]
    save(driver, TWO)
    assert sorted(states(driver, ids)) == ["PAUSED", "PAUSED", "QUEUED"]


def test_a_removed_limit_admits_all() -> None:
    driver, ids = three_in_line()
    save(driver, "")
    assert states(driver, ids) == ["PAUSED"] * 3


def test_a_lowered_limit_takes_nobodys_slot_and_counts_for_whoever_comes() -> None:
    driver, ids = three_in_line()
    save(driver, "")
    save(driver, ONE)
    ids.append(driver.create("limited"))
    driver.settle(wait=timedelta(seconds=5))
    assert states(driver, ids) == ["PAUSED"] * 3 + ["QUEUED"]


def test_the_limit_of_the_newest_revision_holds_for_executions_of_older_ones() -> None:
    driver = Driver(FLOW % "")
    save(driver, ONE)
    ids = [driver.create("limited", execution_id=f"e{number}", revision=1) for number in range(2)]
    driver.settle(wait=timedelta(seconds=5))
    assert [driver.story(one).execution.flow_revision for one in ids] == [1, 1]
    assert sorted(states(driver, ids)) == ["PAUSED", "QUEUED"]


@pytest.mark.parametrize("seed", range(20))
def test_a_changed_limit_is_neither_lost_nor_oversold_when_processors_die(seed: int) -> None:
    driver = Driver(FLOW % ONE, seed=seed, mischief=Mischief(crash=0.1, rebalance=0.05))
    ids = [driver.create("limited", execution_id=f"e{number}") for number in range(4)]
    driver.settle(wait=timedelta(seconds=5))
    save(driver, TWO)
    assert sorted(states(driver, ids)) == ["PAUSED", "PAUSED", "QUEUED", "QUEUED"]
    driver.settle()
    assert {driver.story(one).state for one in ids} == {S.SUCCESS}
