"""Typed topic value <-> bytes: JSON, with the version of the schema in a header; a reader ignores fields that it does not know.

`encode` and `decode` are what an adapter of a log calls: whole records. What cannot be read is no exception but a value, `Unreadable`.

What is untyped (`Any`) comes back as plain data: moments, dates and durations as ISO text, tuples and sets as lists, other mappings
as dicts, keys as text, bytes as base64, enums as their values, decimals as text, NaN and infinity as null. Typed fields come back as
they were.
"""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum
from functools import cache
from types import UnionType
from typing import Annotated, Any, NamedTuple, get_args

import orjson
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from kestra_stream.errors import Invalid
from kestra_stream.models.duration import format_duration
from kestra_stream.queue.interface import Headers, Raw, Unreadable
from kestra_stream.topics import Cleanup, Topic

SCHEMA_VERSION = 1
SCHEMA_HEADER = "schema"
HEADERS: tuple[tuple[str, bytes], ...] = ((SCHEMA_HEADER, str(SCHEMA_VERSION).encode()),)
_USUAL = list(HEADERS)
_LONGEST_ERROR = 2_000
_REGISTRY_PREFIX = 5
_NEWER = re.compile("[1-9][0-9]{0,8}")


class EncodedRecord(NamedTuple):
    """A record as it lies in a log; a payload of None is a tombstone, a partition of None is that of the key."""

    key: bytes | None
    payload: bytes | None
    headers: Headers
    partition: int | None


def encode(key: str, value: object) -> EncodedRecord:
    """Write a record; `Raw` is written byte for byte.

    Raises:
        Invalid: the value contains itself, or is nested too deeply; the key is no text that UTF-8 knows.
    """
    if type(value) is Raw:
        return EncodedRecord(value.key, value.payload, value.headers, value.partition)
    try:
        return EncodedRecord(key.encode(), None if value is None else to_bytes(value), _USUAL, None)
    except UnicodeEncodeError as error:
        raise Invalid(f"the key {key!r} cannot be written: half of a surrogate pair at {error.start}") from error


def decode(topic: Topic, payload: bytes | None, key: bytes | None, headers: Headers | None) -> tuple[str, Any]:
    """Read a record of a topic; return its key as text, and its value: None for a tombstone, `Unreadable` for what cannot be read.

    A record without our header is read when it fits.
    """
    try:
        if headers != _USUAL:
            _check_version(headers)
        if payload is None or key is None:
            return _decode_gap(topic, payload, key, headers)
        return key.decode(), _read(topic, payload)
    except UnicodeDecodeError as error:
        return _unreadable(payload, key, headers, f"its key is not UTF-8: {error.reason} at byte {error.start}")
    except Invalid as error:
        return _unreadable(payload, key, headers, str(error))


def _decode_gap(topic: Topic, payload: bytes | None, key: bytes | None, headers: Headers | None) -> tuple[str, Any]:
    """Read a record without a key, or without a value."""
    if key is None:
        return _unreadable(payload, key, headers, f"it has no key; a record of {topic.name} is keyed by the {topic.key}")
    if topic.cleanup in {Cleanup.DELETE, Cleanup.TAKEN, Cleanup.LONG}:
        return _unreadable(payload, key, headers, f"it has no value; a record of {topic.name} is not deleted by a tombstone")
    return key.decode(), None


def _unreadable(payload: bytes | None, key: bytes | None, headers: Headers | None, error: str) -> tuple[str, Unreadable]:
    if payload is not None and len(payload) > _REGISTRY_PREFIX and payload[0] == 0:
        schema_id = int.from_bytes(payload[1:_REGISTRY_PREFIX])
        error += f" (it looks like Avro, Protobuf or JSON of another system, with the id {schema_id} of a schema registry)"
    text = "" if key is None else key.decode("utf-8", "backslashreplace")
    return text, Unreadable(payload, error[:_LONGEST_ERROR], key, tuple(headers or ()))


def _check_version(headers: Headers | None) -> None:
    """Refuse versions of the schema that this process does not know; other headers are nobody's business."""
    for name, value in headers or ():
        if name == SCHEMA_HEADER and value != HEADERS[0][1]:
            version = (value or b"").decode("utf-8", "backslashreplace")[:40]
            if _NEWER.fullmatch(version) and int(version) > SCHEMA_VERSION:
                raise Invalid(
                    f"it was written by a newer version of kestra_stream (schema {version}; this process reads {SCHEMA_VERSION}); "
                    "upgrade this process, then redrive"
                )
            raise Invalid(f"its header `{SCHEMA_HEADER}` is {version!r}, which is no version that this process reads ({SCHEMA_VERSION})")


@cache
def adapter_of(topic: Topic) -> TypeAdapter[Any]:
    """Return what validates a topic's values; members of a closed union are told apart by their kind."""
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
    return _read(topic, payload) if payload else None


@cache
def _adapter_of_part(topic: Topic, kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(Any if topic.parts is None else topic.parts[kind])


def part_from_bytes(topic: Topic, part: str, payload: bytes) -> Any:
    """Read the value of a part of the state that a topic keeps.

    Raises:
        Invalid: not JSON, not what such a part holds, or no kind of part that the topic has.
    """
    try:
        return _adapter_of_part(topic, part.partition("/")[0]).validate_json(payload)
    except (KeyError, ValidationError) as error:
        raise Invalid(f"the part `{part}` on {topic.name} cannot be read: {str(error)[:500]}") from error


def _read(topic: Topic, payload: bytes) -> Any:
    try:
        return adapter_of(topic).validate_json(payload, extra="ignore")
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
