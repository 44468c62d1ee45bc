"""Write docs/topics.md from the table in kestra_stream/topics.py (`make docs`); tests/architecture checks that it is fresh."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from kestra_stream.topics import TOPICS, Cleanup, Topic

PAGE = Path(__file__).with_name("topics.md")

KEPT = {
    Cleanup.DELETE: "deleted by age",
    Cleanup.LONG: "deleted by age, long: it is the history",
    Cleanup.COMPACT: "newest of each key",
    Cleanup.FOREVER: "newest of each key, for ever",
}

HEAD = """# Topics

Generated from [`kestra_stream/topics.py`](../kestra_stream/topics.py) by `make docs`; do not edit.

Everything that changes an execution is a record on one of these topics. Names carry a prefix (default `kestra_`).

| topic | key | value | kept | partitions | written by | read by |
|---|---|---|---|---|---|---|
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


def page() -> str:
    """Return the whole page."""
    return HEAD + "".join(row(topic) for topic in TOPICS)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
