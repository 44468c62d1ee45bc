"""Rules of a whole flow: unique ids, no flow that calls itself, inputs that depend on inputs that are there, templates that parse."""

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Protocol

from kestra_stream.errors import InvalidExpression
from kestra_stream.expression import compile_template
from kestra_stream.models.flow import Flow
from kestra_stream.plugin.yaml_nodes import Path

_DATA = frozenset({"variables", "description", "inputs"})
_CALLS = frozenset({"Subflow", "ForEachItem", "Flow"})
_TASK_LISTS = ("tasks", "errors", "finally", "afterExecution")


class Notes(Protocol):
    """Where faults and warnings go."""

    def fault(self, message: str, path: Path, *, key: bool = False) -> None:
        """Note a fault at a path of the document."""
        ...

    def warn(self, message: str, path: Path) -> None:
        """Note something that does no harm yet."""
        ...


def check_rules(flow: Flow, document: Mapping[str, Any], notes: Notes) -> None:
    """Note every broken rule."""
    _unique_ids(document, notes)
    _unique_in_list(document, "inputs", "input", notes)
    _unique_in_list(document, "outputs", "output", notes)
    _unique_in_list(document, "triggers", "trigger", notes)
    _unique_windows(document, notes)
    _no_system_labels(flow, notes)
    _input_dependencies(flow, notes)
    _no_recursive_call(flow, document, notes)
    for path, text in _templates(document, ()):
        try:
            compile_template(text)
        except InvalidExpression as error:
            notes.fault(str(error), path)


def tasks_with_paths(value: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield every map of a document that is a task: one with an id and a dotted type, wherever it is nested."""
    if isinstance(value, Mapping):
        if isinstance(value.get("id"), str) and isinstance(value.get("type"), str) and "." in value["type"]:
            yield path, value
        for key, item in value.items():
            yield from tasks_with_paths(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from tasks_with_paths(item, (*path, place))


def _task_roots(document: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for name in (*_TASK_LISTS, "listeners"):
        yield from tasks_with_paths(document.get(name), (name,))


def _unique_ids(document: Mapping[str, Any], notes: Notes) -> None:
    seen: set[str] = set()
    for path, task in _task_roots(document):
        if task["id"] in seen:
            notes.fault(f"duplicate task id `{task['id']}`; ids are unique in the whole flow", (*path, "id"))
        seen.add(task["id"])


def _unique_in_list(document: Mapping[str, Any], name: str, kind: str, notes: Notes) -> None:
    seen: set[str] = set()
    entries = document.get(name)
    for place, entry in enumerate(entries if isinstance(entries, list) else ()):
        identity = entry.get("id", entry.get("name")) if isinstance(entry, Mapping) else None
        if identity in seen:
            notes.fault(f"duplicate {kind} id `{identity}`", (name, place, "id"))
        if identity is not None:
            seen.add(identity)


def _unique_windows(document: Mapping[str, Any], notes: Notes) -> None:
    """Windows of preconditions and of multiple conditions are kept by their id."""
    seen: set[str] = set()
    for path, window in _windows(document.get("triggers"), ("triggers",)):
        if window["id"] in seen:
            notes.fault(f"duplicate id `{window['id']}` of preconditions; ids are unique in the whole flow", (*path, "id"))
        seen.add(window["id"])


def _windows(triggers: Any, path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    for place, trigger in enumerate(triggers if isinstance(triggers, list) else ()):
        conditions, preconditions = trigger.get("conditions"), trigger.get("preconditions")
        for number, condition in enumerate(conditions if isinstance(conditions, list) else ()):
            if isinstance(condition.get("id"), str):
                yield (*path, place, "conditions", number), condition
        if isinstance(preconditions, Mapping) and isinstance(preconditions.get("id"), str):
            yield (*path, place, "preconditions"), preconditions


def _no_system_labels(flow: Flow, notes: Notes) -> None:
    for place, label in enumerate(flow.labels):
        if label.key.startswith("system.") and label.key != "system.readOnly":
            notes.fault(
                f"the label `{label.key}` belongs to the engine; choose a key that does not start with `system.`", ("labels", place)
            )


def _input_dependencies(flow: Flow, notes: Notes) -> None:
    known = {one.id for one in flow.inputs}
    graph: dict[str, tuple[str, ...]] = {}
    for place, one in enumerate(flow.inputs):
        names = one.depends_on.inputs if one.depends_on is not None else ()
        for name in names:
            if name not in known:
                notes.fault(f"input `{one.id}` depends on `{name}`, which is not an input", ("inputs", place, "dependsOn", "inputs"))
        graph[one.id] = tuple(name for name in names if name in known)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        notes.fault(f"inputs depend on each other in a circle: {' -> '.join(error.args[1])}", ("inputs",))


def _no_recursive_call(flow: Flow, document: Mapping[str, Any], notes: Notes) -> None:
    for path, task in _task_roots(document):
        calls = task["type"].rpartition(".")[2] in _CALLS
        if calls and task.get("namespace") == flow.namespace and task.get("flowId") == flow.id:
            notes.fault(f"Recursive call: the flow `{flow.namespace}.{flow.id}` calls itself", (*path, "flowId"))


def _templates(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if "{{" in value or "{%" in value or "{#" in value:
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not (len(path) == 0 and key in _DATA):
                yield from _templates(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _templates(item, (*path, place))
