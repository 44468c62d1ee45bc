"""`kestra-stream` of a release that does not exist yet: `python -m tests.integration.versions.newer KINDS server executor -c ...`.

All that it writes has fields that this release does not know, in every value and inside of every value. Inputs of an execution of the KINDS (by
commas, `-` for none) are of schema 2, which it reads beside schema 1.
"""

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any
from unittest.mock import patch

from kestra_stream.cli.main import main
from kestra_stream.queue import serde
from kestra_stream.queue.interface import Headers, Raw

FUTURE = "a_field_of_the_next_release"
CONTENT = {"x": [1, {"y": None}], "kind": "something else"}
NEXT: Headers = ((serde.SCHEMA_HEADER, b"2"),)


def grown(value: Any) -> Any:
    """Return a value as the next release writes it."""
    if is_dataclass(value) and not isinstance(value, type):
        return {**{field.name: grown(getattr(value, field.name)) for field in fields(value)}, FUTURE: CONTENT}
    if isinstance(value, list | tuple):
        return [grown(item) for item in value]
    if isinstance(value, Mapping):
        return {key: grown(item) for key, item in value.items()}
    return value


def run() -> None:
    """Be the product, as it will be."""
    kinds = frozenset(sys.argv.pop(1).split(","))
    encode, to_bytes, check = serde.encode, serde.to_bytes, serde._check_version  # noqa: SLF001 - what the next release changes

    def encoded(key: str, value: object) -> serde.EncodedRecord:
        record = encode(key, value if isinstance(value, Raw) else grown(value))
        return record._replace(headers=list(NEXT)) if getattr(value, "kind", None) in kinds else record

    def checked(headers: Headers | None) -> None:
        check(None if headers is not None and tuple(NEXT[0]) in [tuple(header) for header in headers] else headers)

    with (
        patch("kestra_stream.queue.kafka.encoding.encode", encoded),
        patch("kestra_stream.queue.kafka.state.changelog.to_bytes", lambda value: to_bytes(grown(value))),
        patch("kestra_stream.queue.kafka.work_queue.talk.to_bytes", lambda value: to_bytes(grown(value))),
        patch("kestra_stream.queue.serde._check_version", checked),
    ):
        main()


if __name__ == "__main__":
    run()
