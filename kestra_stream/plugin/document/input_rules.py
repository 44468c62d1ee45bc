"""Rules of a list of inputs: ids that do not collide, dependencies that exist and end, defaults and patterns that fit."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter

from pydantic import TypeAdapter, ValidationError

from kestra_stream.document.places import Entry, Path, entries_of
from kestra_stream.engine.inputs import resolve_inputs
from kestra_stream.errors import InvalidExpression, InvalidInputs
from kestra_stream.expression import compile_template
from kestra_stream.expression.filters.regexes import compiled
from kestra_stream.models import input as kinds
from kestra_stream.models.document_model import Steps
from kestra_stream.models.input import AnyInput, Input, InputType
from kestra_stream.models.property import has_expression
from kestra_stream.models.sentences import suggestion
from kestra_stream.plugin.document.notes import Notes

_FILE_SCHEMES = ("nsfile:///", "file:///", "kestra://")
_LISTS = frozenset({InputType.ARRAY, InputType.MULTISELECT})


class _Dynamic(Exception):
    """The choices of an input are known only when it is asked for."""


@cache
def _adapter() -> TypeAdapter[Input]:
    return TypeAdapter(AnyInput)


def check_inputs(inputs: object, path: Path, notes: Notes) -> None:
    """Note every broken rule of a list of inputs as it stands in the document."""
    entries = list(entries_of(inputs, path))
    _check_ids(entries, notes)
    _check_dependencies(entries, path, notes)
    for place, entry in entries:
        _warn(entry, place, notes)
        _check_templates(entry, place, notes)
        try:
            one = _adapter().validate_python(entry)
        except ValidationError:
            continue
        for message, step in _faults(one):
            notes.fault(message, (*place, *step))


def identity(entry: Mapping[str, object]) -> object:
    """Return the id of an input, which older flows call `name`."""
    return entry.get("id", entry.get("name"))


def _check_ids(entries: Sequence[Entry], notes: Notes) -> None:
    ids = [(place, one) for place, entry in entries if isinstance(one := identity(entry), str)]
    seen: set[str] = set()
    known = {one for _, one in ids}
    for place, one in ids:
        if one in seen:
            notes.fault(f"duplicate input id `{one}`", (*place, "id"))
        seen.add(one)
        folder = next((outer for outer in _folders(one) if outer in known), None)
        if folder is not None:
            notes.fault(f"input `{one}` lies inside of input `{folder}`, which is a value; rename one of them", (*place, "id"))


def _folders(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _check_dependencies(entries: Sequence[Entry], path: Path, notes: Notes) -> None:
    known = {one: place for place, entry in entries if isinstance(one := identity(entry), str)}
    graph: dict[str, list[str]] = {}
    for place, entry in entries:
        own = graph.setdefault(str(identity(entry)), [])
        for number, name in _dependencies(entry):
            if name in known:
                own.append(name)
            else:
                hint = suggestion(name, list(known))
                message = f"input `{identity(entry)}` depends on `{name}`, which is not an input{hint}"
                notes.fault(message, (*place, "dependsOn", "inputs", number))
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
        notes.fault(f"inputs depend on each other in a circle: {' -> '.join(circle)}", (*known.get(circle[0], path), "dependsOn"))


def _dependencies(entry: Mapping[str, object]) -> Iterator[tuple[int, str]]:
    match entry.get("dependsOn"):
        case {"inputs": [*names]}:
            yield from ((number, name) for number, name in enumerate(names) if isinstance(name, str))
        case _:
            return


def _warn(entry: Mapping[str, object], place: Path, notes: Notes) -> None:
    if "name" in entry and "id" not in entry:
        notes.warn("`name` of an input is deprecated: use `id`", (*place, "name"))
    if entry.get("type") == "ENUM":
        notes.warn("the input type ENUM is deprecated: use SELECT", (*place, "type"))
    if entry.get("type") == "FILE" and "extension" in entry:
        notes.warn("`extension` is deprecated: use `allowedFileExtensions`", (*place, "extension"))


def _check_templates(entry: Mapping[str, object], place: Path, notes: Notes) -> None:
    depends_on = entry.get("dependsOn")
    condition = depends_on.get("condition") if isinstance(depends_on, Mapping) else None
    found: Sequence[tuple[object, Steps]] = (
        (condition, ("dependsOn", "condition")),
        (entry.get("expression"), ("expression",)),
        (entry.get("defaults"), ("defaults",)),
    )
    for text, step in found:
        if isinstance(text, str) and has_expression(text):
            try:
                compile_template(text)
            except InvalidExpression as error:
                notes.broken(error, (*place, *step))


def _faults(one: Input) -> Iterator[tuple[str, Steps]]:
    found = [*_pattern_faults(one), *_choice_faults(one), *_limit_faults(one)]
    yield from found
    if not found:
        yield from _default_faults(one)


def _pattern_faults(one: Input) -> Iterator[tuple[str, Steps]]:
    if isinstance(one, kinds.StringInput | kinds.SecretInput) and one.validator is not None:
        try:
            compiled(one.validator)
        except ValueError as error:
            yield str(error), ("validator",)


def _choice_faults(one: Input) -> Iterator[tuple[str, Steps]]:
    if isinstance(one, kinds.SelectInput | kinds.MultiselectInput):
        if one.expression is None and not one.values:
            yield f"a {one.type} needs `values` or an `expression` that renders to a list", ()
        elif one.expression is not None and one.values:
            yield "give either `values` or `expression`", ("expression",)
    if isinstance(one, kinds.ArrayInput | kinds.MultiselectInput) and one.item_type in _LISTS:
        yield f"itemType must be the type of a single value, but is {one.item_type}", ("itemType",)


def _limit_faults(one: Input) -> Iterator[tuple[str, Steps]]:
    match one:
        case kinds.IntInput() | kinds.FloatInput():
            is_empty, name = one.min is not None and one.max is not None and one.min > one.max, "min"
        case kinds.DurationInput():
            is_empty, name = one.min is not None and one.max is not None and one.min > one.max, "min"
        case kinds.DateInput():
            is_empty, name = one.after is not None and one.before is not None and one.after > one.before, "after"
        case kinds.DatetimeInput():
            is_empty, name = one.after is not None and one.before is not None and one.after > one.before, "after"
        case kinds.TimeInput():
            is_empty, name = one.after is not None and one.before is not None and one.after > one.before, "after"
        case _:
            return
    if is_empty:
        yield f"{name} is larger than {'max' if name == 'min' else 'before'}, so no value fits", (name,)


def _default_faults(one: Input) -> Iterator[tuple[str, Steps]]:
    if one.defaults is None or has_expression(one.defaults):
        return
    if isinstance(one, kinds.FileInput):
        if not str(one.defaults).startswith(_FILE_SCHEMES):
            yield "the default of a FILE must be a `nsfile:///` or `file:///` URI", ("defaults",)
        return
    try:
        resolve_inputs((one.model_copy(update={"depends_on": None}),), {}, _evaluate, lambda text: {"value": text})
    except InvalidInputs as error:
        for fault in error.faults:
            yield f"the default does not fit: {fault.message}", ("defaults",)
    except _Dynamic:
        return


def _evaluate(template: str, _: Mapping[str, object]) -> object:
    raise _Dynamic(template)
