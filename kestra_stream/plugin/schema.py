"""JSON Schema of a flow, for editors: `type` selects the properties of a task, trigger, condition, task runner or input.

The schema of each class comes from its pydantic fields. A choice by `type` is written as a list of `if` and `then`, so that an editor
completes the properties of one type, and says what is wrong with that type alone.
"""

import re
from collections.abc import Iterable, Mapping
from inspect import cleandoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from kestra_stream.errors import NotFound
from kestra_stream.models.conditions import Condition
from kestra_stream.models.duration import DURATION_PATTERN, SECONDS_PATTERN
from kestra_stream.models.flow import Flow
from kestra_stream.models.task import Plugin, Task
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.document.properties import DEPRECATED, names_of
from kestra_stream.plugin.process.task_runner import TaskRunner
from kestra_stream.plugin.registry import Registry

_DIALECT = "http://json-schema.org/draft-07/schema#"
_KINDS: Mapping[str, type[Plugin]] = {"Task": Task, "Trigger": Trigger, "Condition": Condition, "TaskRunner": TaskRunner}
_SHARED: Mapping[str, type[Plugin]] = {"Task": Task, "Trigger": Trigger}
_LINK = "#/definitions/"
_COMPLETE = "Complete"
_TEXT = ["string", "number", "boolean"]
_DURATION = [{"type": "string", "pattern": DURATION_PATTERN}, {"type": ["string", "number"], "pattern": SECONDS_PATTERN}]


class _Generator(GenerateJsonSchema):
    """Writes the properties of a class under all their names; what pydantic cannot name (functions, plain classes) is `anything`."""

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Accept anything."""
        del schema, error_info
        return {}

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Add older names, and mark what is deprecated."""
        written = super().model_schema(schema)
        cls: type[BaseModel] = schema["cls"]
        for name, field in cls.model_fields.items():
            usual, *others = names_of(name, field)
            found = written.get("properties", {}).get(usual)
            if found is None:
                continue
            if str(field.description).startswith(DEPRECATED):
                found["deprecated"] = True
            for other in others:
                written["properties"][other] = {**found, "doNotSuggest": True}
            if others and usual in written.get("required", ()):
                written["required"].remove(usual)
                written.setdefault("allOf", []).append({"anyOf": [{"required": [one]} for one in (usual, *others)]})
        return written


def flow_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema of a flow document with all installed types; a plugin that can not be loaded is left out."""
    types = {name: cls for name, cls in _types(registry) if any(issubclass(cls, kind) for kind in _KINDS.values())}
    classes: list[type[BaseModel]] = [Flow, *_KINDS.values(), *types.values()]
    links, whole = models_json_schema(
        [(cls, "validation") for cls in dict.fromkeys(classes)], schema_generator=_Generator, ref_template=f"{_LINK}{{model}}"
    )
    definitions: dict[str, Any] = whole["$defs"]
    keys = {cls: str(link["$ref"]).removeprefix(_LINK) for (cls, _), link in links.items()}
    definitions[_COMPLETE] = _complete({name: definitions[keys[cls]].get("required", []) for name, cls in types.items()}, types)
    _name_types(definitions, {keys[cls]: (name, cls) for name, cls in types.items()})
    for kind, cls in _KINDS.items():
        fitting = {name: one for name, one in types.items() if issubclass(one, cls)}
        shared = definitions[keys[cls]]["properties"] if kind in _SHARED else {}
        definitions[f"{kind}Properties"] = {"properties": {name: one for name, one in shared.items() if name != "type"}}
        definitions[keys[cls]] = _chosen_plugin(kind, fitting)
        _share(definitions, fitting, kind)
    root = _root(definitions.pop(keys[Flow]))
    document: dict[str, Any] = _plain({"$schema": _DIALECT, "title": "Flow", **root, "definitions": definitions})
    return document


def _types(registry: Registry) -> Iterable[tuple[str, type[Plugin]]]:
    for name in registry.names():
        try:
            resolved = registry.resolve(name)
        except NotFound:
            continue
        if not resolved.is_alias:
            yield name, resolved.cls


def _name_types(definitions: dict[str, Any], types: Mapping[str, tuple[str, type[Plugin]]]) -> None:
    """Put the definition of each plugin under its type's name, with its documentation and examples."""
    for key, (name, cls) in types.items():
        definition = definitions.pop(key)
        definition["properties"]["type"] = True
        definition["description"] = cleandoc(cls.__doc__ or "")
        definition["required"] = ["type", *(["id"] if issubclass(cls, Task | Trigger) else ())]
        if cls.deprecated:
            definition["deprecated"] = True
        examples = [cleandoc(example) for example in getattr(cls, "examples", ())]
        definitions[name] = {**definition, "x-examples": examples} if examples else definition


def _share(definitions: dict[str, Any], types: Iterable[str], kind: str) -> None:
    """Write the properties that all of a kind have once."""
    shared = definitions[f"{kind}Properties"]["properties"]
    for name in types:
        own = definitions[name]["properties"]
        for key, value in own.items():
            if shared.get(key) == value:
                own[key] = {"$ref": f"{_LINK}{kind}Properties/properties/{key}"}


def _chosen_plugin(kind: str, types: Mapping[str, type[Plugin]]) -> dict[str, Any]:
    names = list(types)
    older = "|".join(re.escape(alias) for cls in types.values() for alias in cls.aliases)
    described = [(cleandoc(cls.__doc__ or "").partition("\n")[0]) for cls in types.values()]
    choice: dict[str, Any] = {"enum": names, "enumDescriptions": described, "description": f"The type of the {_words(kind)}."}
    properties = {"type": {"anyOf": [choice, {"type": "string", "pattern": f"^({older})$"}]} if older else choice}
    if kind in _SHARED:
        properties = {"id": {"$ref": f"{_LINK}{kind}Properties/properties/id"}, **properties}
    cases = [_case([name, *cls.aliases], f"{_LINK}{name}") for name, cls in types.items()]
    return {"type": "object", "required": ["type"], "properties": properties, "allOf": cases}


def _words(kind: str) -> str:
    return "task runner" if kind == "TaskRunner" else kind.lower()


def _case(names: list[str], link: str) -> dict[str, Any]:
    return {"if": {"type": "object", "properties": {"type": {"enum": names}}, "required": ["type"]}, "then": {"$ref": link}}


def _root(flow: dict[str, Any]) -> dict[str, Any]:
    """Leave out what only the engine sets, and add what older flows hold."""
    properties = {name: value for name, value in flow["properties"].items() if name not in {"source", "tenantId", "deleted", "revision"}}
    defaults = {**properties["pluginDefaults"], "deprecated": True, "doNotSuggest": True, "description": "Deprecated: use pluginDefaults."}
    ignored = {"description": "Set by the server; what a document says is not read.", "doNotSuggest": True}
    properties |= {"taskDefaults": defaults, "revision": ignored, "tenantId": ignored, "deleted": ignored}
    properties["listeners"] = {**properties["listeners"], "deprecated": True}
    whole = {"items": {"$ref": f"{_LINK}{_COMPLETE}"}}
    lists = ("tasks", "errors", "finally", "afterExecution", "triggers")
    has_defaults = {"anyOf": [{"required": ["pluginDefaults"]}, {"required": ["taskDefaults"]}]}
    return {**flow, "properties": properties, "if": has_defaults, "else": {"properties": dict.fromkeys(lists, whole)}}


def _complete(required: Mapping[str, list[str]], types: Mapping[str, type[Plugin]]) -> dict[str, Any]:
    """Say what each plugin needs: apart from its definition, because in a flow with plugin defaults they may give it."""
    whole = {"$ref": f"{_LINK}{_COMPLETE}"}
    cases = [
        {**_case([name, *types[name].aliases], ""), "then": {"required": names}}
        for name, names in required.items()
        if set(names) - {"id", "type"}
    ]
    parts = {
        "tasks|then|else|errors|finally|defaults": {"items": whole},
        "conditions|scheduleConditions": {"items": whole, "additionalProperties": whole},
        "task|taskRunner|onPause": whole,
        "cases": {"additionalProperties": {"items": whole}},
    }
    return {"allOf": cases, "patternProperties": {f"^({names})$": part for names, part in parts.items()}}


def _plain(value: Any) -> Any:
    """Take out what tells an editor nothing, and write what pydantic says of unions and texts in words that editors know."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    noise = "title" if "$schema" not in value and isinstance(value.get("title"), str) else None
    found: dict[str, Any] = {key: _plain(item) for key, item in value.items() if key != noise}
    if "discriminator" in found:
        return _chosen_by_tag(found)
    if found.get("format") == "duration" or found.get("pattern") == DURATION_PATTERN:
        rest = {key: item for key, item in found.items() if key not in {"type", "format", "pattern"}}
        found = {"anyOf": _DURATION, **rest}
    if found.get("default", 0) is None:
        del found["default"]
    choices: list[dict[str, Any]] = [one for one in found.get("anyOf", ()) if one != {"type": "null"}]
    if "anyOf" in found and len(choices) < len(found["anyOf"]):
        del found["anyOf"]
        found = {**choices[0], **found} if len(choices) == 1 and "$ref" not in choices[0] else {**found, "anyOf": choices}
    if found.get("type") == "string" and not set(found) & {"enum", "const", "pattern", "format"}:
        found["type"] = _TEXT if found.get("x-dynamic") else _TEXT[:2]
    return found


def _chosen_by_tag(found: dict[str, Any]) -> dict[str, Any]:
    """Write a union that a property selects as a choice by that property."""
    discriminator = found.pop("discriminator")
    tag, mapping = discriminator["propertyName"], discriminator["mapping"]
    del found["oneOf"]
    cases = [_case([name], link) for name, link in mapping.items()]
    return {**found, "type": "object", "required": [tag], "properties": {tag: {"enum": list(mapping)}}, "allOf": cases}
