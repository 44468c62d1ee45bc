"""Flow source: YAML text in, validated flows out, or every fault with its place.

One document goes through: parse with positions, normalise, inject plugin defaults, resolve plugins, check the rules of the whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from pydantic import ValidationError

from kestra_stream.errors import Fault, InvalidFlow, NotFound
from kestra_stream.models.flow import Flow
from kestra_stream.models.task import Plugin
from kestra_stream.plugin.defaults import inject
from kestra_stream.plugin.flow_rules import check_rules
from kestra_stream.plugin.registry import Registry, default_registry
from kestra_stream.plugin.yaml_nodes import Document, Path, load_documents, path_text


@dataclass(frozen=True, slots=True)
class ParsedFlow:
    """One document of a text: its flow (None when it has faults), what is wrong, and what is only worth a word."""

    flow: Flow | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()


def parse_flow(text: str, file: str = "", registry: Registry | None = None, defaults: Sequence[Mapping[str, Any]] = ()) -> Flow:
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
    text: str, file: str = "", registry: Registry | None = None, defaults: Sequence[Mapping[str, Any]] = ()
) -> list[ParsedFlow]:
    """Parse all documents of a text; never raises for what is in them."""
    try:
        documents = load_documents(text, file)
    except InvalidFlow as error:
        return [ParsedFlow(None, error.faults)]
    return [_Reader(document, file, registry or default_registry(), defaults).read() for document in documents]


class _Reader:
    """Reads one document."""

    def __init__(self, document: Document, file: str, registry: Registry, defaults: Sequence[Mapping[str, Any]]) -> None:
        self.document = document
        self.file = file
        self.registry = registry
        self.defaults = defaults
        self.faults = list(document.faults)
        self.warnings: list[Fault] = []
        self.paths: dict[int, Path] = {}
        self.data: dict[str, Any] = {}

    def read(self) -> ParsedFlow:
        """Return the flow, or its faults in the order of the document."""
        if not isinstance(self.document.data, dict):
            self.fault("a flow is a map with at least id, namespace and tasks", ())
            return ParsedFlow(None, tuple(self.faults))
        self.data = inject(_normalised(self.document.data), self.defaults, self._canonical)
        self._note_paths(self.data, ())
        flow = self._validated()
        if flow is not None:
            check_rules(flow, self.data, self)
        self.faults.sort(key=lambda fault: (fault.line, fault.column))
        return ParsedFlow(flow if not self.faults else None, tuple(self.faults), tuple(self.warnings))

    def fault(self, message: str, path: Path, *, key: bool = False) -> None:
        """Note a fault at a path."""
        line, column = self.document.place(path, key=key)
        self.faults.append(Fault(message, path_text(path), self.file, line, column))

    def warn(self, message: str, path: Path) -> None:
        """Note something that does no harm yet."""
        line, column = self.document.place(path, key=True)
        self.warnings.append(Fault(message, path_text(path), self.file, line, column))

    def _canonical(self, name: str) -> str:
        try:
            return self.registry.resolve(name).canonical
        except NotFound:
            return name

    def _note_paths(self, value: Any, path: Path) -> None:
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
        try:
            flow = Flow.model_validate(document, context={"resolve": self._resolve})
        except ValidationError as error:
            self._translate(error, (), Flow)
            return None
        return flow.model_copy(update={"source": self.document.source})

    def _resolve(self, value: Mapping[str, Any], kind: type[Plugin]) -> Plugin:
        """Turn a map into its plugin; what is wrong with it is noted, and a blank one stands in so that the rest is read too."""
        path = self.paths.get(id(value), ())
        name = value.get("type")
        if not isinstance(name, str):
            self.fault("`type` is required: the name of a plugin, as io.kestra.plugin.core.log.Log", path)
            return _blank(kind, value)
        try:
            resolved = self.registry.resolve(name)
        except NotFound as error:
            self.fault(str(error), (*path, "type"))
            return _blank(kind, value)
        if not issubclass(resolved.cls, kind):
            self.fault(f"{name} is not a {kind.__name__.lower()}", (*path, "type"))
            return _blank(kind, value)
        if resolved.is_alias:
            self.warn(f"{name} is now {resolved.canonical}", (*path, "type"))
        if resolved.deprecated:
            self.warn(f"{resolved.canonical} is deprecated: {resolved.deprecated}", (*path, "type"))
        try:
            return resolved.cls.model_validate(value, context={"resolve": self._resolve})
        except ValidationError as error:
            self._translate(error, path, resolved.cls)
            return _blank(kind, value)

    def _translate(self, error: ValidationError, path: Path, cls: type) -> None:
        for one in error.errors(include_url=False, include_input=False):
            place = self._place_of(path, tuple(one["loc"]))
            if one["type"] == "missing":
                self.fault(f"`{one['loc'][-1]}` is required", place[:-1] if place and place[-1] == one["loc"][-1] else place)
            elif one["type"] == "extra_forbidden":
                self.fault(_unknown(str(one["loc"][-1]), cls if len(one["loc"]) == 1 else None), place, key=True)
            else:
                self.fault(_sentence(one["msg"], one["type"]), place)

    def _place_of(self, path: Path, location: tuple[str | int, ...]) -> Path:
        """Follow a location of pydantic through the document; steps that only name a member of a union are left out."""
        value: Any = self.data
        for step in path:
            value = value[step]
        found = path
        for number, step in enumerate(location):
            inside = isinstance(value, Mapping) and step in value
            inside = inside or (isinstance(value, list) and isinstance(step, int) and step < len(value))
            if inside:
                value = value[step]
                found = (*found, step)
            elif number == len(location) - 1:
                found = (*found, step) if isinstance(value, Mapping) else found
        return found


_IGNORED = frozenset({"revision", "tenantId", "taskDefaults"})


def _normalised(document: dict[str, Any]) -> dict[str, Any]:
    """Bring the older spellings of a document into the one that the models know."""
    result = dict(document)
    if "taskDefaults" in result and "pluginDefaults" not in result:
        result["pluginDefaults"] = result["taskDefaults"]
    if isinstance(result.get("labels"), dict):
        result["labels"] = _label_list(result["labels"])
    if isinstance(result.get("triggers"), list):
        result["triggers"] = [
            {**trigger, "labels": _label_list(trigger["labels"])}
            if isinstance(trigger, dict) and isinstance(trigger.get("labels"), dict)
            else trigger
            for trigger in result["triggers"]
        ]
    return {key: value for key, value in result.items() if value is not None}


def _label_list(labels: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _label_text(value)} for key, value in labels.items()]


def _label_text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _blank(kind: type[Plugin], value: Mapping[str, Any]) -> Plugin:
    identity = value.get("id")
    values: dict[str, Any] = {"id": identity if isinstance(identity, str) else "", "type": ""}
    return kind.model_construct(**values)


@cache
def _properties(cls: type[Plugin]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in cls.model_fields.items())


def _unknown(name: str, cls: Any) -> str:
    near = get_close_matches(name, _properties(cls), 2, 0.6) if cls is not None else []
    hint = f"; did you mean `{'` or `'.join(near)}`?" if near else ""
    return f"unknown property `{name}`{hint}"


def _sentence(message: str, kind: str) -> str:
    text = message.removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return f"has characters that are not allowed here ({text.lower()})"
    return text[:1].lower() + text[1:] if kind != "value_error" else text
