"""Write docs/topics.md from the table in kestra_stream/topics.py (`make docs`); tests/architecture checks that it is fresh."""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

from record_examples import written

from kestra_stream.queue.kafka.topic_layout import KEPT as ON_THE_BROKER
from kestra_stream.queue.serde import SCHEMA_VERSION
from kestra_stream.topics import TOPICS, Cleanup, Topic

PAGE = Path(__file__).with_name("topics.md")

KEPT = {
    Cleanup.DELETE: "deleted by age",
    Cleanup.TAKEN: "until it was taken, however long that takes",
    Cleanup.LONG: "deleted by age, long: it is the history",
    Cleanup.COMPACT: "newest of each key",
    Cleanup.FOREVER: "newest of each key, for ever",
}

HEAD = """# Topics

Generated from [`kestra_stream/topics.py`](../kestra_stream/topics.py) by `make docs`; do not edit.

Everything that changes an execution is a record on one of these topics. Names carry a prefix (default `kestra_`). The same table as an
[AsyncAPI 3 document](asyncapi.yaml) is what tools for other languages read.

| topic | key | value | kept | partitions | written by | read by |
|---|---|---|---|---|---|---|
"""

READING = f"""
## Reading a topic
- A value is JSON; the topic's schema says what may be in it. A record with several kinds of values names its own in `kind`.
- Pass over fields and kinds that you do not know; take a field that is missing at its default.
- The header `schema` has the version of the schemas, now `{SCHEMA_VERSION}`. Take no record of a version that you do not know. A record
  without the header is taken when it fits.
- Records are written in transactions: read with `isolation.level=read_committed`.
- All records of a key are in one partition, in their order: murmur2 of the key's UTF-8, as Kafka's own clients choose it.
- A record without a value, on a topic that keeps the newest of each key, deletes its key.
- Timestamps are the broker's (`LogAppendTime`).
- A record with the header `claim` is too big for a message: its value is `{{}}`, and the JSON lies in the
  [internal storage](storage.md) of the engine at the address that the header names, below the tenant `_engine`.
- A record with the header `filler`, an empty key and no value says nothing: it ends what a broker has left open
  ([why](decisions/0013-an-acknowledged-transaction-is-looked-for.md)). Pass over it.
- An execution has ended when one of its events says `finished: true`.

A whole reader in another language, with [kafkajs](https://kafka.js.org) (`npm install kafkajs`), which tells the end of each execution:

```js
const {{ Kafka }} = require('kafkajs')
const consumer = new Kafka({{ brokers: ['127.0.0.1:9092'] }}).consumer({{ groupId: 'my-reader' }})  // read_committed is its default
const run = async () => {{
  await consumer.connect()
  await consumer.subscribe({{ topic: 'kestra_execution_event', fromBeginning: true }})
  await consumer.run({{
    eachMessage: async ({{ message }}) => {{
      if (message.headers.schema?.toString() !== '1' || message.headers.claim) return
      const event = JSON.parse(message.value)
      if (event.finished) console.log(event.execution_id, event.execution?.state.current)
    }},
  }})
}}
run()
```

A worker group has its jobs on a topic of its own, `worker_job.GROUP`. A state topic is the changelog of a store: it has as many partitions
as the topic beside which the store lives, and its records lie in the partition of their owner.

## Making the topics
`kestra-stream topic create -c FILE` makes what is missing, and so does every server when it starts
(`kestra.kafka.defaults.topic.create: false` leaves it to you). `topic plan` says what that would be, `topic verify` what is wrong, and
`topic describe` shows what is there. Nothing is ever shrunk or deleted. Settings that differ are changed by `topic create --alter`;
partitions are added only where the place of a key means nothing (`worker_job`). Elsewhere more partitions would move keys away from
their records and state: make new topics under another prefix instead, once all executions have ended.
"""

VERSIONS = f"""
## Versions of the schemas
[`docs/schemas/v{SCHEMA_VERSION}`](schemas/v{SCHEMA_VERSION}) holds the present schemas,
[`docs/schemas/published`](schemas/published) those of each release, which never change again. A test compares the present ones with all
that are published under the same version, from both sides: a new reader must read every old record, and an old reader every new one, so
that two releases can run side by side.

| change | is |
|---|---|
| a field with a default is added or removed; a topic or a part of a state is added | compatible |
| a kind or a choice is added | for newer readers only; others take it to the dead letters: upgrade them first, or redrive |
| a field becomes required, or no longer is; a type, limit or format changes; a kind, choice, topic or part is removed | a break |

A break needs a new version:
1. Raise `SCHEMA_VERSION` in [`kestra_stream/queue/serde.py`](../kestra_stream/queue/serde.py), and say there how records of the older
   version are read: they lie on the topics for as long as these keep them.
2. `make docs`. The older folder `docs/schemas/v{SCHEMA_VERSION}` stays.
3. Processes of the older version take records of the newer one to the dead letters: upgrade all of them before anything new is written,
   then redrive what came between.

`make publish-schemas` writes down the schemas of a release, as a part of making it.
"""


def value_name(value: Any) -> str:
    """Name the type of a topic's value; a closed union is named by its members."""
    if members := union_members(value):
        return ", ".join(f"`{member.__name__}`" for member in members)
    text = getattr(value, "__name__", str(value)) if get_origin(value) is None else re.sub(r"[a-z_]+\.(?=[a-zA-Z_.]*[A-Z])", "", str(value))
    return f"`{text}`".replace("|", "\\|")


def parts_names(parts: Mapping[str, Any]) -> str:
    """Name the types of a state topic's parts."""
    return ", ".join(dict.fromkeys(value_name(value) for value in parts.values()))


def union_members(value: Any) -> tuple[type, ...]:
    """Return the classes of a closed union, none for anything else; looks through `Annotated`."""
    arguments = get_args(value)
    if hasattr(value, "__metadata__"):
        return union_members(arguments[0])
    return arguments if arguments and get_origin(value) not in {dict, list, tuple} else ()


def row(topic: Topic) -> str:
    """Return the line of one topic."""
    cells = (
        f"`{topic.name}`",
        topic.key,
        value_name(topic.value) if topic.parts is None else parts_names(topic.parts),
        KEPT[topic.cleanup],
        str(topic.partitions),
        topic.written_by,
        topic.read_by,
    )
    return f"| {' | '.join(cells)} |\n"


def section(topic: Topic) -> str:
    """Return what there is to know about one topic."""
    lines = [
        f"\n### {topic.name}",
        f"{_first_line(topic)} [Schema](schemas/v{SCHEMA_VERSION}/{topic.name}.json).",
        "",
        f"- Key: {topic.key}. Header: `schema: {SCHEMA_VERSION}`.",
        f"- On the broker: {_settings(topic)}.",
    ]
    if topic.beside is not None:
        lines.append(f"- Beside `{topic.beside.name}`: as many partitions as that.")
    if topic.parts is not None:
        lines += ["", "| part | value |", "|---|---|"]
        lines += [f"| {f'`{kind}/...`' if kind else 'the head'} | {value_name(value)} |" for kind, value in topic.parts.items()]
    example = written(next(iter(topic.parts.values())) if topic.parts else (union_members(topic.value) or (topic.value,))[0])
    return "\n".join([*lines, "", "```json", json.dumps(example, ensure_ascii=False), "```", ""])


def _first_line(topic: Topic) -> str:
    if topic.parts is not None:
        return f"The state of the {topic.written_by}, part by part."
    if members := union_members(topic.value):
        return f"One of {len(members)} kinds."
    return (topic.value.__doc__ or "").strip().partition("\n")[0]


def _settings(topic: Topic) -> str:
    kept = ON_THE_BROKER[topic.cleanup]
    milliseconds = int(kept.get("retention.ms", -1))
    age = f" for {timedelta(milliseconds=milliseconds).days} days" if milliseconds >= 0 else ""
    several = "1 partition" if topic.partitions == 1 else f"{topic.partitions} partitions (`kestra.kafka.defaults.topic.partitions`)"
    return f"{several}, `cleanup.policy={kept['cleanup.policy']}`{age}"


def page() -> str:
    """Return the whole page."""
    rows, sections = ("".join(map(write, TOPICS)) for write in (row, section))
    return f"{HEAD}{rows}{READING}\n## Each topic\n{sections}{VERSIONS}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
