"""Functions that look at the context as a whole."""

from collections.abc import Mapping
from typing import Any

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.lexer import named
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import kind_of
from kestra_stream.expression.paths import MISSING, attribute
from kestra_stream.expression.printing import is_list, is_map, json_text, text_of


def print_context(frame: Frame) -> str:
    """Print the whole context as JSON."""
    return json_text(frame.variables, frame)


def current_each_output(frame: Frame, outputs: Any) -> Any:
    """Give the outputs that a task made in this iteration, however deep the loops are."""
    if not is_map(outputs):
        raise TypeError(f"needs the outputs of a task, a map, not a {kind_of(outputs)}")
    parents: Any = frame.variables.get("parents")
    path = [_value(parent.get("taskrun")) for parent in reversed(parents) if is_map(parent)] if is_list(parents) else []
    path.append(_value(frame.variables.get("taskrun")))
    found: Any = outputs
    for value in path:
        if value is None:
            continue
        found = attribute(found, value)
        if found is MISSING:
            raise LookupError(f"there are no outputs for the iteration `{named(value)}`")
    return found


def _value(taskrun: Any) -> Any:
    return taskrun.get("value") if is_map(taskrun) else None


def tasks_with_state(frame: Frame, state: str) -> list[dict[str, Any]]:
    """List the task runs in a state: `{taskId, state}`, and `value` in iterations."""
    wanted = text_of(state, frame).upper()
    tasks = frame.variables.get("tasks")
    found: list[dict[str, Any]] = []
    for task_id, task in tasks.items() if isinstance(tasks, Mapping) else ():
        frame.charge(1)
        for key, entry in task.items() if is_map(task) else ():
            frame.charge(1)
            is_own = key == "state" and not is_map(entry)
            seen = entry if is_own else entry.get("state") if is_map(entry) else None
            if seen is None or text_of(seen, frame).upper() != wanted:
                continue
            run = {"taskId": task_id, "state": wanted}
            found.append(run if is_own else {**run, "value": key})
    return found


FUNCTIONS: dict[str, Native] = {
    "printContext": native(print_context),
    "fetchContext": native(print_context),
    "currentEachOutput": native(current_each_output, "outputs"),
    "currentOutput": native(current_each_output, "outputs"),
    "tasksWithState": native(tasks_with_state, "state"),
}
