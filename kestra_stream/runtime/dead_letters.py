"""Dead letters: a record that cannot be read or processed in, letters that hold it byte for byte out; and back again.

A record that fits lies in one letter as it is. A larger one (a value at the broker's limit, a huge key or header) is written as JSON
and cut into pieces, each a letter of its own in the same transaction: no dead letter is larger than a record may be.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from traceback import format_exception
from typing import Any

from kestra_stream.errors import KestraError
from kestra_stream.models.messages import DeadLetter
from kestra_stream.queue.interface import Outgoing, Raw, Record, Unreadable
from kestra_stream.topics import DEAD_LETTER

_WHOLE = 256 * 1024
_PIECE = 512 * 1024
_SHOWN_KEY = 500
_LONGEST_ERROR = 2_000
_LONGEST_TRACEBACK = 8_000

Serialize = Callable[[Record], bytes]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record was given up, and by whom."""

    component: str
    error: str
    error_type: str = ""
    traceback: str = ""

    @classmethod
    def raised(cls, component: str, error: Exception) -> "Failure":
        """Tell of an error that processing has raised; of its traceback the end is kept."""
        name = type(error).__name__
        lines = "".join(format_exception(error))
        return cls(component, f"{name}: {error}"[:_LONGEST_ERROR], name, lines[-_LONGEST_TRACEBACK:])


def letters_of(record: Record, failure: Failure, now: datetime, serialize: Serialize) -> list[Outgoing]:
    """Return the letters that hold a record; `serialize` gives the bytes of its value when the log keeps none."""
    return letters_with(_told(record, failure, now), _raw(record, serialize))


def letters_with(letter: DeadLetter, raw: Raw) -> list[Outgoing]:
    """Return the letters that hold these bytes, and tell otherwise what one letter tells."""
    key = None if raw.key is None else raw.key.decode("utf-8", "backslashreplace")[:_SHOWN_KEY]
    told = replace(letter, key=key, payload=None, key_bytes=None, headers=(), piece=0, pieces=1, content="")
    if _size(raw) <= _WHOLE:
        key_bytes = None if key is None or key.encode() == raw.key else raw.key
        letters = [replace(told, payload=raw.payload, key_bytes=key_bytes, headers=tuple(raw.headers))]
    else:
        content = _as_json(raw)
        pieces = [content[start : start + _PIECE] for start in range(0, len(content), _PIECE)]
        letters = [replace(told, piece=number, pieces=len(pieces), content=piece) for number, piece in enumerate(pieces)]
    return [Outgoing(DEAD_LETTER, letter.topic, part) for part in letters]


def letter_without_record(record: Record, failure: Failure, now: datetime) -> list[Outgoing]:
    """Return a letter that only names a record whose letters could not be written."""
    where = f"{record.topic}/{record.partition}/{record.offset}"
    error = f"{failure.error} (the record itself could not be kept here; it stays at {where} as long as its topic keeps it)"
    letter = replace(_told(record, failure, now), key=record.key[:_SHOWN_KEY], error=error, traceback="", pieces=0)
    return [Outgoing(DEAD_LETTER, letter.topic, letter)]


def raw_of(letters: Iterable[DeadLetter]) -> Raw | None:
    """Return the record that letters of one origin hold, for the partition that it came from; None when it is not (all) there."""
    pieces: dict[int, DeadLetter] = {letter.piece: letter for letter in letters if letter.pieces}
    first = next(iter(pieces.values()), None)
    if first is None or len(pieces) < first.pieces:
        return None
    if not first.content:
        key = first.key_bytes if first.key_bytes is not None or first.key is None else first.key.encode()
        return Raw(first.payload, key, first.headers, first.partition)
    found: dict[str, Any] = json.loads("".join(pieces[number].content for number in range(first.pieces)))
    headers = tuple((str(name), _from_text(value)) for name, value in found["headers"])
    return Raw(_from_text(found["payload"]), _from_text(found["key"]), headers, first.partition)


def _told(record: Record, failure: Failure, now: datetime) -> DeadLetter:
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=None,
        payload=None,
        error=failure.error[:_LONGEST_ERROR],
        at=now,
        timestamp=record.timestamp,
        component=failure.component,
        error_type=failure.error_type,
        traceback=failure.traceback,
    )


def _raw(record: Record, serialize: Serialize) -> Raw:
    """Return a record as it lies in its log; what a log has passed by reference is written as it would be."""
    value = record.value
    if isinstance(value, Unreadable):
        return Raw(value.payload, value.key, value.headers)
    key = record.key.encode("utf-8", "replace")
    if record.payload is not None or value is None:
        return Raw(record.payload, key, record.headers)
    try:
        return Raw(serialize(record), key, record.headers)
    except KestraError:
        return Raw(repr(value).encode("utf-8", "replace"), key, record.headers)


def _size(raw: Raw) -> int:
    headers: Sequence[tuple[str, bytes | None]] = raw.headers
    return len(raw.key or b"") + len(raw.payload or b"") + sum(4 * len(name) + len(value or b"") for name, value in headers)


def _as_json(raw: Raw) -> str:
    return json.dumps(
        {"key": _text(raw.key), "payload": _text(raw.payload), "headers": [(name, _text(value)) for name, value in raw.headers]}
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _from_text(value: str | None) -> bytes | None:
    return None if value is None else b64decode(value)
