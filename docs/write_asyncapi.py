"""Write docs/asyncapi.yaml from the table in kestra_stream/topics.py (`make docs`); tests/schemas checks that it is fresh and valid."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from record_examples import written

from kestra_stream.queue.kafka.topic_layout import KEPT
from kestra_stream.queue.schema import Dialect, ValueSchemas, value_schemas
from kestra_stream.queue.serde import SCHEMA_VERSION
from kestra_stream.topics import TOPICS, WORKER_JOB, Topic

DOCUMENT = Path(__file__).with_name("asyncapi.yaml")
REFERENCES = "#/components/schemas/{model}"
BINDING = {"bindingVersion": "0.5.0"}

ABOUT = """Everything that changes an execution of kestra_stream is a record on one of these topics, and anyone may read them.

- Values are JSON. A reader passes over fields that it does not know, and takes a field that is missing at its default.
- Where a topic carries several kinds of values, the field `kind` tells them apart; pass over kinds that you do not know.
- Records are written in transactions: read with `isolation.level=read_committed`.
- All records of one key are in one partition, in order (murmur2 of the key, as the Java client has it).
- A value of null on a compacted topic deletes its key.
"""


def main() -> None:
    """Write the document."""
    DOCUMENT.write_text(text(), encoding="utf-8")


def text() -> str:
    """Return the document as YAML."""
    head = "# Generated from kestra_stream/topics.py by `make docs`; do not edit.\n"
    return head + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=140)


def document() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    schemas = value_schemas(references=REFERENCES, dialect=Dialect.DRAFT_7)
    messages: dict[str, Any] = {}
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        names = _add_messages(topic, schemas, messages)
        for channel, address in _addresses(topic).items():
            channels[channel] = _channel(topic, address, names)
            operations |= _operations(topic, channel)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "kestra_stream",
            "version": version("kestra-stream"),
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": "{broker}", "protocol": "kafka", "variables": {"broker": {"default": "localhost:9092"}}}},
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "messageTraits": {"record": _record()},
            "schemas": {name: schemas.definitions[name] for name in sorted(schemas.definitions)},
        },
    }


def members(kind: Any) -> tuple[type, ...]:
    """Return the classes that a topic's value may be."""
    if get_origin(kind) is not None and hasattr(kind, "__metadata__"):
        return members(get_args(kind)[0])
    return get_args(kind) or (kind,)


def _add_messages(topic: Topic, schemas: ValueSchemas, messages: dict[str, Any]) -> list[str]:
    """Add the messages of a topic; return their names."""
    found: dict[str, tuple[Any, Any, str]] = {}
    if topic.parts is not None:
        for kind, value in topic.parts.items():
            summary = f"Parts `{kind}/...`" if kind else "The part without a name"
            found[f"{topic.name}.{kind or 'head'}"] = (schemas.parts[topic.name][kind], value, summary)
    else:
        for member in members(topic.value):
            found[member.__name__] = ({"$ref": REFERENCES.format(model=member.__name__)}, member, _summary(member))
    for name, (payload, value, summary) in found.items():
        example = {"headers": {"schema": str(SCHEMA_VERSION)}, "payload": written(value)}
        messages[name] = {
            "name": name,
            "title": name,
            "summary": summary,
            "traits": [{"$ref": "#/components/messageTraits/record"}],
            "payload": payload,
            "bindings": {"kafka": {"key": {"type": "string", "description": topic.key}, **BINDING}},
            "examples": [example],
        }
    return list(found)


def _summary(kind: type) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _addresses(topic: Topic) -> dict[str, str]:
    """Return channels and the names of their topics; each worker group has a topic with its jobs."""
    found = {topic.name: f"{{prefix}}{topic.name}"}
    if topic is WORKER_JOB:
        found[f"{topic.name}_of_group"] = f"{{prefix}}{topic.name}.{{group}}"
    return found


def _channel(topic: Topic, address: str, names: list[str]) -> dict[str, Any]:
    parameters = {"prefix": {"default": "kestra_", "description": "kestra.kafka.defaults.topicPrefix"}}
    if "{group}" in address:
        parameters["group"] = {"description": "the worker group"}
    return {
        "address": address,
        "title": topic.name,
        "description": f"Keyed by {topic.key}. Written by {topic.written_by}; read by {topic.read_by}.",
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "kafka": {"partitions": topic.partitions, "topicConfiguration": _configuration(topic), **BINDING},
        },
    }


def _configuration(topic: Topic) -> dict[str, Any]:
    kept = KEPT[topic.cleanup]
    numbers = {name: int(kept[name]) for name in ("retention.ms", "delete.retention.ms") if name in kept}
    return {"cleanup.policy": [kept["cleanup.policy"]], **numbers}


def _operations(topic: Topic, channel: str) -> dict[str, Any]:
    """Each topic is written and read by the system itself; others read what it sends, and send what it receives."""
    reference = {"$ref": f"#/channels/{channel}"}
    return {
        f"send_{channel}": {"action": "send", "channel": reference, "summary": f"by {topic.written_by}"},
        f"receive_{channel}": {"action": "receive", "channel": reference, "summary": f"by {topic.read_by}"},
    }


def _record() -> dict[str, Any]:
    version_header = {
        "type": "string",
        "description": "Version of the schemas; a reader takes no record of a version that it does not know.",
        "examples": [str(SCHEMA_VERSION)],
    }
    return {"contentType": "application/json", "headers": {"type": "object", "properties": {"schema": version_header}}}


class _Dumper(yaml.SafeDumper):
    """Repeats what stands in two places instead of naming it once, and keeps the lines of a text."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _lines(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _lines)


if __name__ == "__main__":
    main()
