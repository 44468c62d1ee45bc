"""Typed topic value <-> bytes: JSON, with the version of the schema beside it; a reader ignores fields that it does not know."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from kestra_stream.errors import Invalid
from kestra_stream.models.duration import format_duration
from kestra_stream.topics import TOPICS, Topic

SCHEMA_VERSION = 1
VERSION_HEADER = "schema"


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return next(topic.adapter() for topic in TOPICS if topic.name == name)


def to_bytes(value: Any) -> bytes:
    """Write a value as JSON; None, a tombstone, is empty. Dates inside untyped values become ISO text and come back as text."""
    return b"" if value is None else orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def from_bytes(topic: Topic, payload: bytes) -> Any:
    """Read a value of a topic.

    Raises:
        Invalid: not JSON, or not what the topic carries.
    """
    if not payload:
        return None
    try:
        return _adapter(topic.name).validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(f"a record of {topic.name} can not be read: {place}: {first['msg']}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value)
    return str(value)
