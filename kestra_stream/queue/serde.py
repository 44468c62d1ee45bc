"""Typed topic value <-> bytes: JSON, with the version of the schema in a header; a reader ignores fields that it does not know.

What is untyped (`Any`) comes back as plain data: moments, dates and durations as ISO text, tuples and sets as lists, other mappings
as dicts, keys as text, bytes as base64, enums as their values, decimals as text, NaN and infinity as null. Typed fields come back as
they were.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, get_args

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kestra_stream.errors import Invalid
from kestra_stream.models.duration import format_duration
from kestra_stream.topics import Topic

SCHEMA_VERSION = 1
HEADERS: tuple[tuple[str, bytes], ...] = (("schema", str(SCHEMA_VERSION).encode()),)


@cache
def _adapter(topic: Topic) -> TypeAdapter[Any]:
    value = topic.value
    if isinstance(value, UnionType) and all("kind" in {field.name for field in fields(member)} for member in get_args(value)):
        value = Annotated[value, Field(discriminator="kind")]
    return TypeAdapter(value)


def to_bytes(value: object) -> bytes:
    """Write a value as JSON; None, a tombstone, is empty.

    Raises:
        Invalid: it contains itself, or is nested too deeply.
    """
    if value is None:
        return b""
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return _to_bytes_slowly(value)


def from_bytes(topic: Topic, payload: bytes) -> Any:
    """Read a value of a topic.

    Raises:
        Invalid: not JSON, or not what the topic carries.
    """
    if not payload:
        return None
    try:
        return _adapter(topic).validate_json(payload, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise Invalid(f"a record of {topic.name} can not be read: {place + ': ' if place else ''}{first['msg']}") from error


def _to_bytes_slowly(value: object) -> bytes:
    """Write what orjson refuses: integers of more than 64 bits, halves of surrogate pairs, deep nesting."""
    try:
        return json.dumps(_tree(value), ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError) as error:
        raise Invalid(f"a {type(value).__name__} cannot be written: it contains itself, or is nested too deeply") from error


def _tree(value: object) -> Any:
    if isinstance(value, Enum):
        return _tree(value.value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Mapping):
        return {_key(key): _tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tree(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _tree(getattr(value, field.name)) for field in fields(value)}
    return _tree(_plain(value))


def _key(key: object) -> str:
    if isinstance(key, Enum):
        return _key(key.value)
    return key if isinstance(key, str) else json.dumps(key) if isinstance(key, bool | int | float | None) else str(_plain(key))


def _plain(value: object) -> Any:
    """Return what a value, which JSON does not know, is written as."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, AbstractSet):
        return list(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    return str(value)
