"""The conformance set: each `NAME.yaml` beside this file holds flows, `NAME.expected.yaml` what must come of the first one.

The expectation names what it checks and nothing else:
    inputs        values given
    do            what a person does once nothing happens any more: kill, resume (with inputs), restart, pause, ...
    state, history, outputs, labels, variables     of the execution
    taskRuns      task id -> states in order of creation (`values`: task id -> loop values)
    taskOutputs   task id -> outputs that must be among those of its (last) run
    attempts      task id -> states of all attempts
    logs          texts that must stand in messages; noLogs: texts that must not
    executions    flow id -> states of its executions, sorted
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kestra_stream.models import execution_input as i
from kestra_stream.models.document import to_plain
from kestra_stream.models.state import StateType
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver, Story

HERE = Path(__file__).parent
FLOWS = sorted(path for path in HERE.rglob("*.yaml") if not path.name.endswith(".expected.yaml"))


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: str(path.relative_to(HERE).with_suffix("")))
def test_flow(path: Path, tmp_path: Path) -> None:
    expected: dict[str, Any] = yaml.safe_load(path.with_suffix(".expected.yaml").read_text(encoding="utf-8"))
    driver, story = run(path, expected, tmp_path)
    for name, value in expected.items():
        if name not in {"inputs", "do"}:
            assert observed(name, value, story, driver) == value, name


def run(path: Path, expected: Mapping[str, Any], folder: Path) -> tuple[Driver, Story]:
    sources = [text for text in path.read_text(encoding="utf-8").split("\n---\n") if text.strip()]
    driver = Driver(*sources, storage=LocalStorage(folder))
    execution_id = driver.create(yaml.safe_load(sources[0])["id"], expected.get("inputs"))
    driver.settle(wait=None if "do" not in expected else driver.short_wait)
    for action in expected.get("do", ()):
        act(driver, execution_id, action)
        driver.settle()
    return driver, driver.story(execution_id)


def act(driver: Driver, execution_id: str, action: Any) -> None:
    """Do what a person does."""
    verb, details = next(iter(action.items())) if isinstance(action, dict) else (action, {})
    story = driver.story(execution_id)
    messages: dict[str, Any] = {
        "kill": i.Kill,
        "pause": i.Pause,
        "resume": lambda: i.Resume(details),
        "restart": i.Restart,
        "forceRun": i.ForceRun,
        "changeStatus": lambda: i.ChangeStatus(StateType(str(details))),
        "changeTaskRunState": lambda: i.ChangeTaskRunState(story.runs(details["task"])[-1].id, StateType(details["state"])),
        "replay": lambda: i.Replay("replayed", story.run(details["task"], details.get("value")).id if details else None),
    }
    driver.tell(execution_id, messages[verb]())


def observed(name: str, wanted: Any, story: Story, driver: Driver) -> Any:
    """Read from the story what an expectation names."""
    simple: dict[str, Any] = {
        "state": lambda: story.state.value,
        "history": lambda: story.history,
        "outputs": lambda: to_plain(story.execution.outputs),
        "error": lambda: story.execution.error,
        "variables": lambda: to_plain(story.execution.variables),
        "labels": lambda: {one.key: one.value for one in story.execution.labels if not one.key.startswith("system.")},
        "taskRuns": story.states,
        "logs": lambda: list(found(wanted, story)),
        "noLogs": lambda: [text for text in wanted if not any(text in message for message in story.messages)],
        "executions": lambda: executions(driver, wanted),
    }
    if name in simple:
        return simple[name]()
    return {task: of_task(name, story, task, wanted[task]) for task in wanted}


def of_task(name: str, story: Story, task: str, wanted: Any) -> Any:
    runs = story.runs(task)
    if name == "values":
        return [run.value for run in runs]
    if name == "taskHistory":
        return [transition.state.value for transition in runs[-1].state.histories]
    if name == "attempts":
        return [attempt.state.current.value for run in runs for attempt in run.attempts]
    assert name == "taskOutputs", f"unknown expectation {name}"
    outputs = to_plain(runs[-1].outputs or {})
    return {key: outputs.get(key) for key in wanted}


def found(wanted: list[str], story: Story) -> Iterator[str]:
    return (text for text in wanted if any(text in message for message in story.messages))


def executions(driver: Driver, wanted: Mapping[str, Any]) -> dict[str, list[str]]:
    stories = [driver.story(one) for one in driver.executions()]
    return {flow: sorted(story.state.value for story in stories if story.execution.flow_id == flow) for flow in wanted}


def test_the_set_is_complete() -> None:
    """Every flow has its expectation beside it, and every expectation its flow."""
    flows = {path.with_suffix("") for path in FLOWS}
    expectations = {path.with_name(path.name.removesuffix(".expected.yaml")) for path in HERE.rglob("*.expected.yaml")}
    assert flows == expectations
