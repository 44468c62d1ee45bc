"""CREATE_NEW_EXECUTION: the execution is RETRIED, another goes on in its place; whoever waited for the first waits for that one."""

from datetime import timedelta

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.testing.driver import Driver, Mischief, Story

LOG = "type: io.kestra.plugin.core.log.Log, message: x"
CHILD = f"""
id: child
namespace: t.t
retry: {{type: constant, interval: PT1M, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}}
labels: {{a: b}}
tasks:
  - id: around
    type: io.kestra.plugin.core.flow.Sequential
    tasks:
      - {{id: flaky, {LOG}}}
outputs:
  - {{id: attempt, type: STRING, value: "{{{{ execution.id }}}}"}}
"""
PARENT = """
id: parent
namespace: t.t
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: t.t, flowId: child}
"""


def children(driver: Driver) -> list[Story]:
    found = [driver.story(one) for one in driver.executions() if driver.story(one).execution.flow_id == "child"]
    return sorted(found, key=lambda story: story.execution.attempt_number)


@pytest.mark.parametrize("seed", range(10))
def test_a_line_of_executions_until_one_goes_well(seed: int) -> None:
    failing = {"flaky": [S.FAILED]}
    driver = Driver(PARENT, CHILD, seed=seed, mischief=Mischief(crash=0.05, reorder=0.2, double=0.2), outcomes=failing)
    story = driver.run("parent")
    first, second, third = (child.execution for child in children(driver))
    assert [one.state.current for one in (first, second, third)] == [S.RETRIED, S.RETRIED, S.FAILED]
    assert [one.attempt_number for one in (first, second, third)] == [1, 2, 3]
    assert [one.parent_id for one in (first, second, third)] == [None, first.id, second.id]
    assert {one.original_id for one in (first, second, third)} == {first.id}
    assert len({one.original_created_date for one in (first, second, third)}) == 1
    assert children(driver)[0].states() == {"around": ["RETRIED"], "flaky": ["RETRIED"]}
    assert (story.run("call").outputs or {})["executionId"] == third.id
    assert story.state == "FAILED"


@pytest.mark.parametrize("seconds", [5, 65])
def test_a_kill_of_whoever_waits_reaches_the_line(seconds: int) -> None:
    driver = Driver(PARENT, CHILD, outcomes={"flaky": [S.FAILED]})
    execution_id = driver.create("parent")
    driver.settle(wait=timedelta(seconds=seconds))
    driver.tell(execution_id, i.Kill())
    driver.settle(wait=timedelta(seconds=10))
    assert driver.story(execution_id).state == "KILLED"
    driver.settle()
    assert len(children(driver)) == (1 if seconds == 5 else 2)
    assert {child.state for child in children(driver)} == {S.RETRIED}
