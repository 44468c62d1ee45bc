"""What an expectation can name: (name, what is wanted, execution) -> what there is, in the words of the expectation."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kestra_stream.models.document import metric_document, to_plain
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.records import LogEntry
from kestra_stream.testing.driver import Story
from tests.flows.stage import Stage

Seen = Callable[[Stage, Story, Any], Any]


def _labels(_: Stage, story: Story, __: Any) -> Any:
    return {one.key: one.value for one in story.execution.labels if not one.key.startswith("system.")}


def _logs(_: Stage, story: Story, wanted: Sequence[Any]) -> Any:
    return [line for line in wanted if any(_is_line(line, entry) for entry in story.logs)]


def _no_logs(_: Stage, story: Story, wanted: Sequence[Any]) -> Any:
    return [line for line in wanted if not any(_is_line(line, entry) for entry in story.logs)]


def _is_line(line: Any, entry: LogEntry) -> bool:
    level, text = next(iter(line.items())) if isinstance(line, Mapping) else (entry.level.value, line)
    return bool(entry.level.value == level and text in entry.message)


def _task_logs(stage: Stage, story: Story, wanted: Mapping[str, Any]) -> Any:
    entries = sorted(story.logs, key=lambda entry: (entry.attempt_number or 0, entry.timestamp, entry.id))
    return {task: [{entry.level.value: entry.message} for entry in entries if entry.task_id == task] for task in wanted}


def _executions(stage: Stage, _: Story, wanted: Mapping[str, Any]) -> Any:
    heads = stage.heads()
    return {flow: sorted(head.state.current.value for head in heads if head.flow_id == flow) for flow in wanted}


def _head(stage: Stage, story: Story, wanted: Mapping[str, Any]) -> Any:
    names = stage.names()
    return _named(_only(stage.document(names[story.execution.id]), wanted), names)


def _only(document: Any, wanted: Any) -> Any:
    """The part of a document that is wanted."""
    if not isinstance(wanted, Mapping) or not isinstance(document, Mapping):
        return document
    return {key: _only(document.get(key), value) for key, value in wanted.items()}


def _named(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _named(one, names) for key, one in value.items()}
    return names.get(value, value) if isinstance(value, str) else value


def _metrics(stage: Stage, story: Story, wanted: Mapping[str, Any]) -> Any:
    """Metrics by task and name, in the order in which they came: `[counter, 2]`, with tags `[counter, 2, {a: b}]`."""
    documents = [metric_document(entry) for entry in stage.metrics(story.execution.id)]
    by_task: dict[str, dict[str, Any]] = {task: {} for task in wanted}
    for one in documents:
        if one["name"] in wanted.get(one["taskId"], {}):
            tags = [one["tags"]] if one.get("tags") else []
            by_task[one["taskId"]].setdefault(one["name"], []).append([one["type"], one["value"], *tags])
    return by_task


def _others(stage: Stage, _: Story, wanted: Mapping[str, Any]) -> Any:
    return {name: seen(stage, name, expected) for name, expected in wanted.items()}


OF_EXECUTION: dict[str, Seen] = {
    "state": lambda _, story, __: story.state.value,
    "history": lambda _, story, __: story.history,
    "outputs": lambda _, story, __: to_plain(story.execution.outputs),
    "error": lambda _, story, __: story.execution.error,
    "variables": lambda _, story, __: to_plain(story.execution.variables),
    "labels": _labels,
    "taskRuns": lambda _, story, __: story.states(),
    "count": lambda _, story, __: len(story.task_runs),
    "logs": _logs,
    "noLogs": _no_logs,
    "taskLogs": _task_logs,
    "executions": _executions,
    "execution": _head,
    "metrics": _metrics,
    "others": _others,
}


def _of_last(runs: Sequence[TaskRun], wanted: Any) -> Any:
    outputs = to_plain(runs[-1].outputs or {})
    return _only(outputs, wanted) if isinstance(wanted, Mapping) else outputs


OF_TASK: dict[str, Callable[[Sequence[TaskRun], Any], Any]] = {
    "values": lambda runs, _: [run.value for run in runs],
    "iterations": lambda runs, _: [run.iteration for run in runs],
    "taskHistory": lambda runs, _: [transition.state.value for transition in runs[-1].state.histories],
    "attempts": lambda runs, _: [attempt.state.current.value for run in runs for attempt in run.attempts],
    "attemptHistory": lambda runs, _: [line.state.value for line in runs[-1].attempts[-1].state.histories],
    "taskOutputs": _of_last,
    "allOutputs": lambda runs, _: [to_plain(run.outputs or {}) for run in runs],
}


def seen(stage: Stage, name: str, expected: Mapping[str, Any]) -> dict[str, Any]:
    """What there is of all that an expectation names, for the execution of that name."""
    story = stage.story(name)
    found: dict[str, Any] = {}
    for key, wanted in expected.items():
        if key in OF_TASK:
            found[key] = {task: OF_TASK[key](_runs(story, task), one) for task, one in wanted.items()}
        else:
            assert key in OF_EXECUTION, f"unknown expectation `{key}`; there are {sorted({*OF_TASK, *OF_EXECUTION})}"
            found[key] = OF_EXECUTION[key](stage, story, wanted)
    return found


def _runs(story: Story, task: str) -> Sequence[TaskRun]:
    runs = story.runs(task)
    assert runs, f"there is no run of {task}, only of {sorted(story.states())}"
    return runs


def differences(expected: Any, found: Any, place: str = "") -> list[str]:
    """What is not as expected, each with its place."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        lines = []
        for key in {**expected, **found}:
            here = f"{place}.{key}" if place else str(key)
            lines += differences(expected.get(key, "nothing"), found.get(key, "nothing"), here)
        return lines
    return [] if expected == found else [f"{place}: expected {expected!r}, found {found!r}"]
