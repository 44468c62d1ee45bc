"""A retry of the flow, or of a flowable around, re-runs the leaf: also where a worker runs the leaf inside a WorkingDirectory."""

from pathlib import Path

import pytest

from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver

RETRY = "retry: {type: constant, interval: PT0.01S, maxAttempts: 3}"
FLOW = """
id: main
namespace: t.t
%s
tasks:
  - id: around
    type: io.kestra.plugin.core.flow.Sequential
    %s
    tasks:
      - id: directory
        type: io.kestra.plugin.core.flow.WorkingDirectory
        %s
        tasks:
          - {id: fine, type: io.kestra.plugin.core.log.Log, message: x}
          - {id: fails, type: io.kestra.plugin.core.execution.Fail}
"""


@pytest.mark.parametrize("place", range(3), ids=["flow", "flowable", "directory"])
def test_the_child_is_tried_again_and_the_directory_is_not(tmp_path: Path, place: int) -> None:
    where = tuple(RETRY if place == one else "" for one in range(3))
    story = Driver(FLOW % where, storage=LocalStorage(tmp_path)).run("main")
    attempts = {task: len(story.run(task).attempts) for task in ("directory", "fine", "fails")}
    assert attempts == {"directory": 1, "fine": 1, "fails": 3}
    assert story.state == "FAILED"


def test_a_new_execution_is_created_for_the_failure_of_a_child(tmp_path: Path) -> None:
    where = (RETRY.replace("}", ", behavior: CREATE_NEW_EXECUTION}"), "", "")
    driver = Driver(FLOW % where, storage=LocalStorage(tmp_path))
    assert driver.run("main").state == "RETRIED"
    assert sorted(driver.story(one).state.value for one in driver.executions()) == ["FAILED", "RETRIED", "RETRIED"]
