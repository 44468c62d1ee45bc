"""afterExecution may wait, be resumed and be retried like any other part of a flow; the state of the execution stays what it is."""

from datetime import timedelta
from pathlib import Path

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver

LOG = "type: io.kestra.plugin.core.log.Log, message: x"
FLOW = f"""
id: main
namespace: t.t
tasks:
  - {{id: first, {LOG}}}
afterExecution:
  - {{id: wait, type: io.kestra.plugin.core.flow.Pause}}
  - {{id: flaky, {LOG}, retry: {{type: constant, interval: PT5S, maxAttempts: 3}}}}
  - {{id: last, {LOG}}}
"""
LISTENER = f"""
id: main
namespace: t.t
tasks:
  - {{id: first, {LOG}}}
listeners:
  - conditions:
      - {{type: io.kestra.plugin.core.condition.Expression, expression: "{{{{ kv('missing') is null }}}}"}}
    tasks:
      - {{id: heard, {LOG}}}
"""


def test_a_pause_after_the_end_waits_for_a_person_and_failed_tasks_are_tried_again() -> None:
    driver = Driver(FLOW, outcomes={"flaky": [S.FAILED, S.FAILED, S.SUCCESS]})
    execution_id = driver.create("main")
    driver.settle()
    story = driver.story(execution_id)
    assert (story.state, story.run("wait").state.current) == ("SUCCESS", "PAUSED")
    driver.tell(execution_id, i.Resume(by="me"))
    driver.settle()
    story = driver.story(execution_id)
    assert story.states() == {"first": ["SUCCESS"], "wait": [S.SUCCESS], "flaky": [S.SUCCESS], "last": ["SUCCESS"]}
    assert len(story.run("flaky").attempts) == 3
    assert story.history == ["CREATED", "RUNNING", "SUCCESS"]


def test_a_restart_takes_what_waits_after_the_end_back() -> None:
    driver = Driver(FLOW, outcomes={"first": [S.FAILED, S.SUCCESS], "flaky": [S.FAILED]})
    execution_id = driver.create("main")
    driver.settle()
    driver.tell(execution_id, i.Resume())
    driver.settle(wait=timedelta(seconds=1))
    assert driver.story(execution_id).run("flaky").state.current == "RETRYING"
    driver.tell(execution_id, i.Restart())
    driver.settle()
    story = driver.story(execution_id)
    assert (story.state, story.run("wait").state.current) == ("SUCCESS", "PAUSED")
    assert "flaky" not in story.states()


def test_a_condition_of_a_listener_may_look_something_up(tmp_path: Path) -> None:
    story = Driver(LISTENER, storage=LocalStorage(tmp_path)).run("main")
    assert story.states() == {"first": ["SUCCESS"], "heard": ["SUCCESS"]}
