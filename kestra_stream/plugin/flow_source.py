"""Flow source: YAML text in, validated flows out, or every fault with its place.

One document goes through: parse with places, inject plugin defaults, resolve plugins, check the rules of the whole.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from kestra_stream.document.places import Path, find, in_block, path_text
from kestra_stream.document.yaml_reader import Document, load_documents
from kestra_stream.errors import Fault, InvalidExpression, InvalidFlow, NotFound
from kestra_stream.models.document_model import inside
from kestra_stream.models.flow import Flow
from kestra_stream.models.sentences import joined, sentence, suggestion
from kestra_stream.models.task import Plugin, Task
from kestra_stream.plugin.document.defaults import inject
from kestra_stream.plugin.document.notes import FoundPlugin
from kestra_stream.plugin.document.properties import classes_at, properties
from kestra_stream.plugin.document.rules import check_rules
from kestra_stream.plugin.registry import Registry, ResolvedType, default_registry


@dataclass(frozen=True, slots=True)
class ParsedFlow:
    """One document of a text: its flow (None when it has faults), what is wrong, what will be one day, and what is worth a word."""

    flow: Flow | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    infos: tuple[Fault, ...] = ()


def parse_flow(text: str, file: str = "", registry: Registry | None = None, defaults: Sequence[Mapping[str, object]] = ()) -> Flow:
    """Parse a text that holds one flow.

    Raises:
        InvalidFlow: with all faults.
    """
    parsed = parse_flows(text, file, registry, defaults)
    faults = [fault for one in parsed for fault in one.faults]
    if not faults and len(parsed) != 1:
        faults = [Fault("the document is empty" if not parsed else f"one flow is expected, but there are {len(parsed)}", file=file)]
    if faults or parsed[0].flow is None:
        raise InvalidFlow(faults)
    return parsed[0].flow


def parse_flows(
    text: str, file: str = "", registry: Registry | None = None, defaults: Sequence[Mapping[str, object]] = ()
) -> list[ParsedFlow]:
    """Parse all documents of a text; never raises for what is in them."""
    return [_Reader(document, file, registry or default_registry(), defaults).read() for document in load_documents(text, file)]


class _Reader:
    """Reads one document."""

    def __init__(self, document: Document, file: str, registry: Registry, defaults: Sequence[Mapping[str, object]]) -> None:
        self.document = document
        self.file = file
        self.registry = registry
        self.defaults = defaults
        self.faults = list(document.faults)
        self.warnings: list[Fault] = []
        self.infos: list[Fault] = []
        self.found: list[FoundPlugin] = []
        self.paths: dict[int, Path] = {}
        self.place = document.place
        self.data: dict[str, object] = {}
        self._lines: list[str] = []

    def read(self) -> ParsedFlow:
        """Return the flow, or its faults in the order of the document."""
        if not isinstance(self.document.data, dict):
            if not self.faults:
                self.fault("a flow is a map with at least id, namespace and tasks", ())
            return ParsedFlow(None, tuple(self.faults))
        self.data, self.place = inject(self.document.data, self.place, self.defaults, self._canonical)
        self._note_paths(self.data, ())
        flow = self._validated()
        self.found.sort(key=lambda one: find(self.place, one.path).mark)
        check_rules(self.data, self.found, self.registry, self)
        faults = _in_order(self.faults)
        return ParsedFlow(flow if not faults else None, faults, _in_order(self.warnings), _in_order(self.infos))

    def fault(self, message: str, path: Path, *, key: bool = False) -> None:
        """Note a fault at a path."""
        self.faults.append(self._noted(message, path, key=key))

    def broken(self, error: InvalidExpression, path: Path) -> None:
        """Note a template that does not parse, at its line and column when it is a block of lines."""
        fault = self._noted(str(error), path, key=False)
        inner = _IN_TEMPLATE.search(str(error))
        if inner is not None:
            self._lines = self._lines or self.document.lines()
            line, column = in_block(self._lines, (fault.line, fault.column), int(inner[1]), int(inner[2]))
            fault = replace(fault, line=line, column=column)
        self.faults.append(fault)

    def warn(self, message: str, path: Path) -> None:
        """Note something that does no harm yet."""
        self.warnings.append(self._noted(message, path, key=True))

    def _noted(self, message: str, path: Path, *, key: bool) -> Fault:
        found = find(self.place, path, key=key)
        origin = f" (set by {found.origin})" if found.origin else ""
        line = message.replace("\n", "\\n")  # one fault, one line
        return Fault(f"{line}{origin}", path_text(path), self.file, *found.mark)

    def _canonical(self, name: str) -> str | None:
        try:
            return self.registry.resolve(name).canonical
        except NotFound:
            return None

    def _note_paths(self, value: object, path: Path) -> None:
        if isinstance(value, dict):
            self.paths[id(value)] = path
            for key, item in value.items():
                self._note_paths(item, (*path, key))
        elif isinstance(value, list):
            for place, item in enumerate(value):
                self._note_paths(item, (*path, place))

    # -- pydantic ------------------------------------------------------------------------------------------------------

    def _validated(self) -> Flow | None:
        document = {key: value for key, value in self.data.items() if key not in _IGNORED}
        if "taskDefaults" in self.data and "pluginDefaults" not in self.data:
            document["pluginDefaults"] = self.data["taskDefaults"]
        try:
            flow = Flow.model_validate(document, context={"resolve": self._resolve})
        except ValidationError as error:
            self._translate(error, (), Flow)
            return None
        return flow.model_copy(update={"source": self.document.source})

    def _resolve(self, value: Mapping[str, object], kind: type[Plugin]) -> Plugin:
        """Turn a map into its plugin; what is wrong with it is noted, and a blank one stands in so that the rest is read too."""
        path = self.paths.get(id(value), ())
        resolved = self._resolved_type(value, kind, path)
        if resolved is None:
            self.found.append(FoundPlugin(path, value, kind))
            self._read_branches(value)
            return _blank(kind, value)
        self.found.append(FoundPlugin(path, value, resolved.cls))
        try:
            return resolved.cls.model_validate(value, context={"resolve": self._resolve})
        except ValidationError as error:
            self._translate(error, path, resolved.cls)
            return _blank(resolved.cls, value)

    def _resolved_type(self, value: Mapping[str, object], kind: type[Plugin], path: Path) -> ResolvedType | None:
        name = value.get("type")
        if not isinstance(name, str) or not name:
            self.fault("`type` is required: the name of a plugin, as io.kestra.plugin.core.log.Log", path)
            return None
        try:
            resolved = self.registry.resolve(name)
        except NotFound as error:
            self.fault(str(error), (*path, "type"))
            return None
        if not issubclass(resolved.cls, kind):
            self.fault(f"{name} is not a {_KIND_NAMES.get(kind.__name__, kind.__name__)} and can not stand here", (*path, "type"))
            return None
        if resolved.is_alias:
            self.infos.append(self._noted(f"{name} is now {resolved.canonical}", (*path, "type"), key=False))
        if resolved.deprecated:
            self.warnings.append(self._noted(f"{resolved.canonical} is deprecated: {resolved.deprecated}", (*path, "type"), key=False))
        if resolved.cls.caution:
            self.warnings.append(self._noted(f"{resolved.canonical}: {resolved.cls.caution}", (*path, "type"), key=False))
        return resolved

    def _read_branches(self, value: Mapping[str, object]) -> None:
        """Read the tasks inside of a task whose type is not known: they may have faults of their own."""
        for name in _BRANCHES:
            tasks = value.get(name)
            for task in tasks if isinstance(tasks, list) else ():
                if isinstance(task, Mapping) and "type" in task:
                    self._resolve(task, Task)

    def _translate(self, error: ValidationError, path: Path, cls: type[BaseModel]) -> None:
        whole: Any = self.data
        for step in path:
            whole = whole[step]
        misfits: dict[Path, list[str]] = {}
        for one in error.errors(include_url=False):
            location = tuple(one["loc"])
            place = (*path, *inside(whole, location))
            context = one.get("ctx", {})
            if one["type"] == "too_short" and len(one["input"]) >= context.get("min_length", 0):
                continue  # said of a list whose entries have faults of their own
            if one["type"] == "missing":
                self.fault(f"`{location[-1]}` is required", place)
            elif one["type"] == "extra_forbidden":
                known = [name for found in classes_at(cls, location[:-1]) for name in properties(found)]
                self.fault(f"unknown property `{location[-1]}`{suggestion(str(location[-1]), known)}", place, key=True)
            elif one["type"] == "misplaced":
                for message, steps in context["faults"]:
                    self.fault(message, (*place, *steps))
            else:
                tag = context["discriminator"].strip("'") if one["type"] == "union_tag_invalid" else None
                misfits.setdefault((*place, tag) if tag else place, []).append(sentence(one))
        for place, sentences in misfits.items():
            self.fault(joined(sentences), place)


_IN_TEMPLATE = re.compile(r"at line (\d+), column (\d+)$")
_IGNORED = frozenset({"revision", "tenantId", "taskDefaults", "deleted"})
_BRANCHES = ("tasks", "then", "else", "defaults", "errors", "finally")
_KIND_NAMES = {"TaskRunner": "task runner", "Task": "task", "Trigger": "trigger", "Condition": "condition"}


def _in_order(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Sort by place; what was found twice at one place is said once."""
    once = {(fault.line, fault.column, fault.message): fault for fault in reversed(faults)}
    return tuple(sorted(once.values(), key=lambda fault: (fault.line, fault.column)))


def _blank(kind: type[Plugin], value: Mapping[str, object]) -> Plugin:
    identity = value.get("id")
    values: dict[str, Any] = {"id": identity if isinstance(identity, str) else "", "type": ""}
    return kind.model_construct(**values)
