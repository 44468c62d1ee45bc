"""JSON Schema of a flow, for editors: the root properties, and one definition for each plugin type."""

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue
from pydantic_core import CoreSchema

from kestra_stream.errors import NotFound
from kestra_stream.models.conditions import Condition
from kestra_stream.models.flow import Flow
from kestra_stream.models.task import Plugin, Task
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.registry import Registry

_KINDS: Mapping[str, type[Plugin]] = {"Task": Task, "Trigger": Trigger, "Condition": Condition}


class _Generator(GenerateJsonSchema):
    """Writes what pydantic cannot name (functions, plain classes) as `anything`."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Generate a schema."""
        return super().generate(schema, mode)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:
        """Accept anything."""
        del schema, error_info
        return {}


def flow_schema(registry: Registry) -> dict[str, Any]:
    """Return the schema of a flow document with all installed types; a plugin that can not be loaded is left out."""
    definitions: dict[str, Any] = {}
    choices: dict[str, list[dict[str, str]]] = {kind: [] for kind in _KINDS}
    root = _schema_of(Flow, definitions)
    for name in registry.names():
        try:
            resolved = registry.resolve(name)
        except NotFound:
            continue
        kind = next((kind for kind, cls in _KINDS.items() if issubclass(resolved.cls, cls)), None)
        if kind is None or resolved.is_alias:
            continue
        definitions[name] = _type_schema(resolved.cls, name, definitions)
        choices[kind].append({"$ref": f"#/$defs/{name}"})
    for kind, found in choices.items():
        definitions[kind] = {"type": "object", "required": ["type"], "anyOf": found}
    _accept_label_maps(root)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Flow", **root, "$defs": definitions}


def _schema_of(cls: type[Any], definitions: dict[str, Any]) -> dict[str, Any]:
    schema = cls.model_json_schema(by_alias=True, schema_generator=_Generator)
    for name, definition in schema.pop("$defs", {}).items():
        if name not in _KINDS:
            definitions.setdefault(name, definition)
    return dict(schema)


def _type_schema(cls: type[Plugin], name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    schema = _schema_of(cls, definitions)
    schema["properties"]["type"] = {"enum": [name, *cls.aliases]}
    schema["markdownDescription"] = cleandoc(cls.__doc__ or "")
    if cls.deprecated:
        schema["deprecated"] = True
    examples = [cleandoc(example) for example in cls.examples]
    return {**schema, "x-examples": examples} if examples else schema


def _accept_label_maps(root: dict[str, Any]) -> None:
    labels = root["properties"]["labels"]
    pairs = {key: labels.pop(key) for key in ("items", "type") if key in labels}
    labels["anyOf"] = [pairs, {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}]
