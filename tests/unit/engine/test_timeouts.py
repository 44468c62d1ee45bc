"""Timeouts of flowables and of calls of other flows: what is open inside fails, the errors branch runs, children die."""

from datetime import timedelta

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.testing.driver import Driver, Mischief

LOG = "type: io.kestra.plugin.core.log.Log, message: x"
SEQUENTIAL = f"""
id: main
namespace: t.t
tasks:
  - id: around
    type: io.kestra.plugin.core.flow.Sequential
    timeout: PT1M
    tasks:
      - {{id: first, {LOG}}}
      - id: inner
        type: io.kestra.plugin.core.flow.Parallel
        tasks:
          - {{id: hangs, type: io.kestra.plugin.core.flow.Pause}}
          - {{id: retried, {LOG}, retry: {{type: constant, interval: PT10M}}}}
      - {{id: never, {LOG}}}
    errors:
      - {{id: local, {LOG}}}
errors:
  - {{id: global, {LOG}}}
"""
LOOP = f"""
id: main
namespace: t.t
tasks:
  - id: loop
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{{{ false }}}}"
    checkFrequency: {{interval: PT40S%s}}
    %s
    tasks:
      - {{id: body, {LOG}}}
    errors:
      - {{id: local, {LOG}}}
      - {{id: local2, {LOG}}}
    finally:
      - {{id: tidy, {LOG}}}
"""
CALL = """
id: main
namespace: t.t
tasks:
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: t.t
    flowId: child
    timeout: PT30S
    retry: {type: constant, interval: PT5S, maxAttempts: 2}
"""
CHILD = """
id: child
namespace: t.t
tasks:
  - {id: hangs, type: io.kestra.plugin.core.flow.Pause}
"""


def test_what_is_open_inside_a_flowable_fails_with_it_and_its_errors_run() -> None:
    driver = Driver(SEQUENTIAL, outcomes={"retried": [S.FAILED]})
    story = driver.run("main")
    assert story.states() == {
        "around": ["FAILED"],
        "first": ["SUCCESS"],
        "inner": ["FAILED"],
        "hangs": ["FAILED"],
        "retried": ["FAILED"],
        "local": ["SUCCESS"],
        "global": ["SUCCESS"],
    }
    assert story.state == "FAILED"
    assert [message for message in story.messages if "Timeout" in message] == ["Timeout after PT1M"]


def test_a_flowable_that_ends_in_time_leaves_no_timer() -> None:
    driver = Driver(SEQUENTIAL.replace("type: io.kestra.plugin.core.flow.Pause", LOG))
    assert driver.run("main").state == "SUCCESS"
    assert not any(loop.processor.wake_at() for loop in driver.loops)


@pytest.mark.parametrize("limit", [("", "timeout: PT1M"), (", maxIterations: 2", "failOnMaxReached: true")], ids=["timeout", "most rounds"])
@pytest.mark.parametrize("seed", range(10))
def test_a_loop_that_fails_by_itself_has_failed_whoever_takes_over(limit: tuple[str, str], seed: int) -> None:
    story = Driver(LOOP % limit, seed=seed, mischief=Mischief(crash=0.3)).run("main")
    states = story.states()
    assert (states.pop("body")[0], states) == (
        "SUCCESS",
        {"loop": ["FAILED"], "local": ["SUCCESS"], "local2": ["SUCCESS"], "tidy": ["SUCCESS"]},
    )
    assert story.state == "FAILED"


@pytest.mark.parametrize("seed", range(5))
def test_a_call_that_takes_too_long_kills_its_child_and_is_tried_again(seed: int) -> None:
    driver = Driver(CALL, CHILD, seed=seed, mischief=Mischief(crash=0.1))
    story = driver.run("main")
    assert [attempt.state.current.value for attempt in story.run("call").attempts] == ["FAILED", "FAILED"]
    children = [driver.story(one) for one in driver.executions() if driver.story(one).execution.flow_id == "child"]
    assert [child.state.value for child in children] == ["KILLED", "KILLED"]
    assert story.state == "FAILED"


def test_the_time_begins_anew_after_a_restart() -> None:
    driver = Driver(SEQUENTIAL, outcomes={"retried": [S.FAILED]})
    execution_id = driver.create("main")
    driver.settle()
    driver.tell(execution_id, i.Restart())
    driver.settle(wait=timedelta(seconds=30))
    assert driver.story(execution_id).run("around").state.current == "RUNNING"
    driver.settle()
    assert driver.story(execution_id).state == "FAILED"
