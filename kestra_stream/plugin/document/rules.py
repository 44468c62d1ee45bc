"""Rules of a whole flow: unique ids, no flow that calls itself, defaults that fit, templates that parse, names that are out of use.

They look at the document and not at the flow, so that they hold for a document that has other faults, too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from kestra_stream.document.places import Entry, Path, entries_of
from kestra_stream.errors import InvalidExpression, NotFound
from kestra_stream.expression import compile_template
from kestra_stream.models.labels import RESERVED, label_entries, reserved_fault
from kestra_stream.models.property import has_expression
from kestra_stream.models.sentences import suggestion
from kestra_stream.models.task import Plugin, Task
from kestra_stream.plugin.document.input_rules import check_inputs
from kestra_stream.plugin.document.notes import FoundPlugin, Notes
from kestra_stream.plugin.document.properties import all_names, deprecated_properties, properties
from kestra_stream.plugin.registry import Registry

_DATA = frozenset({"variables", "inputs"})
_CALLS = frozenset({"io.kestra.plugin.core.flow.Subflow", "io.kestra.plugin.core.flow.ForEachItem"})
_ALLOWED_LABEL = "system.readOnly"


def check_rules(document: Mapping[str, object], found: Sequence[FoundPlugin], registry: Registry, notes: Notes) -> None:
    """Note every broken rule; `found` are the plugins that the document names, in its order."""
    tasks = [one for one in found if issubclass(one.cls, Task)]
    _unique(((one.path, one.value) for one in tasks), "duplicate task id `{}`; ids are unique in the whole flow", notes)
    _unique(_entries(document, "triggers"), "duplicate trigger id `{}`", notes)
    _unique(_entries(document, "outputs"), "duplicate output id `{}`", notes)
    _unique(_entries(document, "sla"), "duplicate sla id `{}`", notes)
    _unique(_windows(found), "duplicate id `{}` of preconditions; ids are unique in the whole flow", notes)
    check_inputs(document.get("inputs"), ("inputs",), notes)
    for task in tasks:
        check_inputs(task.value.get("onResume"), (*task.path, "onResume"), notes)
    _no_system_labels(document.get("labels"), notes)
    _no_recursive_call(document, tasks, notes)
    _defaults_fit(document, {one.cls for one in found}, registry, notes)
    _templates_parse(document, notes)
    _warn(document, found, notes)


def _entries(document: Mapping[str, object], name: str) -> Iterator[Entry]:
    return entries_of(document.get(name), (name,))


def _unique(entries: Iterable[Entry], message: str, notes: Notes) -> None:
    seen: set[str] = set()
    for path, entry in entries:
        identity = entry.get("id")
        if isinstance(identity, bool) or not isinstance(identity, str | int | float):
            continue
        identity = str(identity)
        if identity in seen:
            notes.fault(message.format(identity), (*path, "id"))
        seen.add(identity)


def _windows(found: Sequence[FoundPlugin]) -> Iterator[Entry]:
    """Yield what is kept by its id: preconditions and multiple conditions."""
    for one in found:
        if isinstance(one.value.get("preconditions"), Mapping):
            yield (*one.path, "preconditions"), one.value["preconditions"]
        if "id" in one.value and one.cls.type_name.endswith(".MultipleCondition"):
            yield one.path, one.value


def _no_system_labels(labels: object, notes: Notes) -> None:
    if not isinstance(labels, Mapping | list):
        return
    whole = [one for one in labels if isinstance(one, Mapping) and set(one) == {"key", "value"}] if isinstance(labels, list) else labels
    if len(whole) != len(labels):
        return
    for key, _, place in label_entries(whole):
        if isinstance(key, str) and key.startswith(RESERVED) and key != _ALLOWED_LABEL:
            notes.fault(reserved_fault(key), ("labels", place[0]))


def _no_recursive_call(document: Mapping[str, object], tasks: Sequence[FoundPlugin], notes: Notes) -> None:
    own = document.get("namespace"), document.get("id")
    for task in tasks:
        if task.cls.type_name in _CALLS and (task.value.get("namespace"), task.value.get("flowId")) == own:
            notes.fault(f"Recursive call: the flow `{own[0]}.{own[1]}` calls itself", (*task.path, "flowId"))


def _defaults_fit(document: Mapping[str, object], used: Collection[type[Plugin]], registry: Registry, notes: Notes) -> None:
    """An entry for one type may only name properties of that type; where the type is used, the fault is found there."""
    name = "pluginDefaults" if "pluginDefaults" in document else "taskDefaults"
    for path, entry in _entries(document, name):
        values = entry.get("values")
        try:
            cls = registry.resolve(str(entry.get("type"))).cls
        except NotFound as error:
            if not any(known.startswith(str(entry.get("type"))) for known in registry.names()):
                notes.warn(f"no installed plugin has this type or prefix: {error}", (*path, "type"))
            continue
        for key in values if isinstance(values, Mapping) else ():
            if cls not in used and key not in all_names(cls):
                notes.fault(
                    f"unknown property `{key}` of {cls.type_name}{suggestion(key, properties(cls))}", (*path, "values", key), key=True
                )


def _templates_parse(document: Mapping[str, object], notes: Notes) -> None:
    for key, value in document.items():
        if key not in _DATA:
            for path, text in _templates(value, (key,)):
                try:
                    compile_template(text)
                except InvalidExpression as error:
                    notes.broken(error, path)


def _templates(value: object, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        if path[-1] != "description" and has_expression(value):
            yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _templates(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _templates(item, (*path, place))


def _warn(document: Mapping[str, object], found: Sequence[FoundPlugin], notes: Notes) -> None:
    if "taskDefaults" in document:
        notes.warn("`taskDefaults` is deprecated: use `pluginDefaults`", ("taskDefaults",))
    if "listeners" in document:
        notes.warn(
            "`listeners` is deprecated: use `afterExecution`, or a trigger of type io.kestra.plugin.core.trigger.Flow", ("listeners",)
        )
    for one in found:
        for name, remedy in deprecated_properties(one.cls).items():
            if name in one.value:
                notes.warn(f"`{name}`: {remedy[:1].lower()}{remedy[1:]}", (*one.path, name))
