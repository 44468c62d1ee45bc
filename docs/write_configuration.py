"""Write docs/configuration.md from the classes of the settings (`make docs`); tests/architecture checks that it is fresh."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from kestra_stream.settings import KafkaTopics, Section, Settings
from kestra_stream.settings.environment import variable_of
from kestra_stream.settings.keys import entry_section_of, fields_of, section_of, written

PAGE = Path(__file__).with_name("configuration.md")

HEAD = """# Configuration

Generated from [`kestra_stream/settings`](../kestra_stream/settings) by `make docs`; do not edit.

A process reads its settings once, at its start: `kestra-stream server executor -c FILE`.

```yaml
kestra:
  queue:
    type: kafka
  kafka:
    client:
      properties:
        bootstrap.servers: broker-1:9092,broker-2:9092
        security.protocol: SASL_SSL
        sasl.mechanism: SCRAM-SHA-512
        sasl.username: engine
        sasl.password: ${KAFKA_PASSWORD}
  storage:
    type: local
    local:
      base-path: /var/lib/kestra
```

- `topic-prefix`, `topicPrefix` and `topic_prefix` are one key; `kafka.client.properties:` is the same as three keys inside each other.
- `${NAME}` is the environment variable NAME, `${NAME:text}` the text when it is not set.
- Each key is also an environment variable, which wins over the file: an underscore stands for each dot and dash. In `properties` an
  underscore stands for a dot and two for an underscore: `KESTRA_KAFKA_CLIENT_PROPERTIES_BOOTSTRAP_SERVERS` is `bootstrap.servers`. A list
  or a map is written as YAML. An empty variable counts as not set, and what Kubernetes tells about services (`KESTRA_PORT_80_TCP`) as
  nothing.
- Without `-c` the file is the one that `KESTRA_CONFIGURATION_PATH` names. `KESTRA_CONFIGURATION` holds a whole document; the file and
  single variables win over it.
- A duration is `PT30S`, `30s`, `5m`, `500ms` or a number of seconds.
- Any property of librdkafka passes through, but for those that the engine needs as they are: they are refused. What only one kind of
  client knows reaches that one; `message.timeout.ms` holds outside of transactions, `transaction.timeout.ms` inside.
- `debug` among the properties (`broker,security`, `all`) shows what the client library does in the log of a server, without secrets.
- A key that does nothing beside the others (those of S3 with another storage, of Kafka without `kestra.queue.type: kafka`) is told at the
  start.
- All faults are told at once, each with its file, line and column. Values of `properties` and secrets are never shown.
"""


def sections(section: type[Section], prefix: str = "kestra") -> Iterator[tuple[str, type[Section]]]:
    """Yield every section with its dotted name; the topics, which are alike, as one."""
    yield prefix, section
    if section is KafkaTopics:
        return
    for name, field in fields_of(section).items():
        inner = section_of(field)
        if inner is not None:
            yield from sections(inner, f"{prefix}.{written(name)}")


def meanings(section: type[Section]) -> Mapping[str, str]:
    """What the docstring of a section says about each attribute."""
    if section.__base__ is not Section and section.__base__ is not None and issubclass(section.__base__, Section):
        inherited = dict(meanings(section.__base__))
    else:
        inherited = {}
    _, _, attributes = (section.__doc__ or "").partition("Attributes:")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in attributes.splitlines():
        if entry := re.match(r" {8}(\w+(?:, \w+)*): (.*)", line):
            names = [name.rstrip("_") for name in entry[1].split(", ")]
            found |= dict.fromkeys(names, entry[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return inherited | found


def shown(value: object) -> str:
    """Write a default."""
    if isinstance(value, timedelta):
        seconds = int(value.total_seconds())
        return f"`PT{seconds // 60}M`" if seconds >= 60 and seconds % 60 == 0 else f"`PT{seconds}S`"  # noqa: PLR2004 - seconds of a minute
    if value in (None, {}, ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def kind(field: FieldInfo) -> str:
    """Write what a value may be."""
    choices = [one for one in get_args(field.annotation) if get_origin(one) is Literal] or [field.annotation]
    if get_origin(choices[0]) is Literal:
        return ", ".join(f"`{one}`" for one in get_args(choices[0]))
    names = [(timedelta, "duration"), (bool, "true or false"), (int, "number"), (SecretStr, "secret"), (Path, "folder")]
    known = set(get_args(field.annotation)) | {field.annotation}
    if entry_section_of(field) is not None:
        return "list"
    return next((name for cls, name in names if cls in known), "map" if Mapping in {get_origin(one) for one in known} else "text")


def table(prefix: str, section: type[Section]) -> str:
    """Return the table of one section, empty when all that it has are other sections."""
    told = meanings(section)
    rows = [
        f"| `{prefix}.{written(name)}` | {kind(field)} | {shown(field.get_default(call_default_factory=True))} | {told[name.rstrip('_')]} |"
        for name, field in fields_of(section).items()
        if section_of(field) is None
    ]
    if not rows:
        return ""
    return f"\n## {prefix}\n| key | value | default | means |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"


def page() -> str:
    """Return the whole page."""
    text = HEAD
    for prefix, section in sections(Settings):
        if section is KafkaTopics:
            one = section_of(next(iter(section.model_fields.values()))) or Section
            names = ", ".join(f"`{name}`" for name in section.model_fields)
            text += table(f"{prefix}.TOPIC", one) + f"\nTOPIC is one of {names}.\n"
        else:
            text += table(prefix, section)
    example = "kestra.kafka.defaults.topic-prefix"
    return f"{text}\n`{example}`, for instance, is the variable `{variable_of(example)}`.\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
