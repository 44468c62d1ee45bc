"""JSON Schema of everything that topics carry: what a reader of any language may rely on, under the version of the schema header.

The schemas say what a record may look like, whichever release of this version has written it: fields with a default may be missing in
older records, and fields that are not named may be there in newer ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from pydantic import TypeAdapter

from kestra_stream.queue.serde import SCHEMA_VERSION, adapter_of
from kestra_stream.topics import TOPICS, Topic

DIALECT = "https://json-schema.org/draft/2020-12/schema"
DEFINITIONS = "#/$defs/{model}"
Schema = dict[str, Any]


class Dialect(Enum):
    """The language of a schema: JSON Schema of 2020-12, or draft 7 as AsyncAPI has it."""

    DRAFT_2020 = "2020-12"
    DRAFT_7 = "draft-07"


@dataclass(frozen=True, slots=True)
class ValueSchemas:
    """Schemas of several topics.

    Attributes:
        topics: by the name of a topic, its value.
        parts: by the name of a state topic and the kind of a part, the value of such a part.
        definitions: what they refer to, by name.
    """

    topics: Mapping[str, Schema]
    parts: Mapping[str, Mapping[str, Schema]]
    definitions: Mapping[str, Schema]


def value_schemas(topics: Sequence[Topic] = TOPICS, references: str = DEFINITIONS, dialect: Dialect = Dialect.DRAFT_2020) -> ValueSchemas:
    """Return the schemas of the values of topics; `references` says where `{model}` is defined."""
    adapters: list[tuple[str, Any, TypeAdapter[Any]]] = [(topic.name, "validation", adapter_of(topic)) for topic in topics]
    for topic in topics:
        adapters += [(f"{topic.name}/{kind}", "validation", TypeAdapter(value)) for kind, value in (topic.parts or {}).items()]
    found, common = TypeAdapter.json_schemas(adapters, ref_template=references)
    by_name = {name: _open(schema, dialect) for (name, _), schema in found.items()}
    parts = {topic.name: {kind: by_name[f"{topic.name}/{kind}"] for kind in topic.parts} for topic in topics if topic.parts}
    return ValueSchemas({topic.name: by_name[topic.name] for topic in topics}, parts, _open(common.get("$defs", {}), dialect))


def topic_schema(topic: Topic) -> Schema:
    """Return a schema of one topic that stands by itself."""
    found = value_schemas([topic])
    value = {"anyOf": list(found.parts[topic.name].values())} if topic.parts else found.topics[topic.name]
    return {
        "$schema": DIALECT,
        "title": topic.name,
        "x-schema-version": SCHEMA_VERSION,
        **value,
        "$defs": {name: found.definitions[name] for name in sorted(found.definitions)},
    }


def bundle() -> Schema:
    """Return the schemas of all topics as one document without remarks, as it is published with a release."""
    found = value_schemas()
    topics = {name: schema for name, schema in found.topics.items() if name not in found.parts}
    parts = {f"{name}/{kind}": schema for name, kinds in found.parts.items() for kind, schema in kinds.items()}
    definitions = {name: _bare(found.definitions[name]) for name in sorted(found.definitions)}
    return {
        "$schema": DIALECT,
        "x-schema-version": SCHEMA_VERSION,
        "x-topics": {name: _bare(schema) for name, schema in (topics | parts).items()},
        "$defs": definitions,
    }


def _bare(schema: Any) -> Any:
    """Leave out what only a person reads."""
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: value for name, value in schema.items() if name not in {"description", "title"}}
    return {name: _fields(value) if name == "properties" else _bare(value) for name, value in kept.items()}


def _fields(properties: Mapping[str, Any]) -> Schema:
    return {name: _bare(inside) for name, inside in properties.items()}


def _open(schema: Any, dialect: Dialect) -> Any:
    """A topic takes fields that are not named, and a field's title is its name: neither is said again."""
    if isinstance(schema, list):
        return [_open(item, dialect) for item in schema]
    return dict(_opened(schema, dialect)) if isinstance(schema, dict) else schema


def _opened(schema: Mapping[str, Any], dialect: Dialect) -> Iterator[tuple[str, Any]]:
    for name, value in schema.items():
        if name == "properties":
            fields = {field: {key: item for key, item in inside.items() if key != "title"} for field, inside in value.items()}
            yield name, {field: _open(inside, dialect) for field, inside in fields.items()}
        elif name == "prefixItems" and dialect is Dialect.DRAFT_7:
            yield "items", _open(value, dialect)
        elif name == "discriminator" and dialect is Dialect.DRAFT_7:
            yield name, value["propertyName"]
        elif name in {"default", "enum", "const", "examples"}:
            yield name, value
        elif name != "additionalProperties" or value is not False:
            yield name, _open(value, dialect)
