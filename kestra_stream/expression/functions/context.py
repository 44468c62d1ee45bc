"""Functions that look at the context as a whole."""

from kestra_stream.expression.frame import Frame
from kestra_stream.expression.lexer import named
from kestra_stream.expression.native import Native, native
from kestra_stream.expression.operators import kind_of
from kestra_stream.expression.paths import MISSING, attribute
from kestra_stream.expression.printing import is_list, is_map, json_text, text_of


def print_context(frame: Frame) -> str:
    """Print the whole context as JSON."""
    return json_text(frame.variables, frame)


def current_each_output(frame: Frame, outputs: object) -> object:
    """Give the outputs that a task made in this iteration, however deep the loops are."""
    if not is_map(outputs):
        raise TypeError(f"needs the outputs of a task, a map, not a {kind_of(outputs)}")
    parents: object = frame.variables.get("parents")
    path = [_value(parent.get("taskrun")) for parent in reversed(list(parents)) if is_map(parent)] if is_list(parents) else []
    path.append(_value(frame.variables.get("taskrun")))
    found: object = outputs
    for value in path:
        if value is None:
            continue
        found = attribute(found, value)
        if found is MISSING:
            raise LookupError(f"there are no outputs for the iteration `{named(value)}`")
    return found


def _value(taskrun: object) -> object:
    return taskrun.get("value") if is_map(taskrun) else None


def tasks_with_state(frame: Frame, state: str) -> list[dict[str, object]]:
    """List the task runs in a state: `{taskId, state}`, and in iterations the `value` of the innermost loop."""
    wanted = text_of(state, frame).upper()
    tasks = frame.variables.get("tasks")
    found: list[dict[str, object]] = []
    for task_id, task in tasks.items() if is_map(tasks) else ():
        _runs_in(wanted, {"taskId": task_id, "state": wanted}, task, frame, found)
    return found


def _runs_in(wanted: str, run: dict[str, object], entries: object, frame: Frame, found: list[dict[str, object]]) -> None:
    """Walk down the values of the loops around the runs of one task."""
    frame.charge(2)
    for key, entry in entries.items() if is_map(entries) else ():
        if is_map(entry):
            _runs_in(wanted, {**run, "value": key}, entry, frame, found)
        elif key == "state" and text_of(entry, frame).upper() == wanted:
            found.append(run)


FUNCTIONS: dict[str, Native] = {
    "printContext": native(print_context),
    "fetchContext": native(print_context),
    "currentEachOutput": native(current_each_output, "outputs"),
    "currentOutput": native(current_each_output, "outputs"),
    "tasksWithState": native(tasks_with_state, "state"),
}
