"""Letters as text for people, and as documents for programs."""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from kestra_stream.cli.terminal.picture import short
from kestra_stream.cli.terminal.styled import clean
from kestra_stream.models.messages import LetterState
from kestra_stream.queue.interface import Raw
from kestra_stream.webserver.letters.letter import Letter

_ROW = 16
_MOST_SHOWN = 64 * 1024
_HEADINGS = ("ID", "GIVEN UP", "STATE", "BY", "KEY", "BYTES", "ERROR")
_WIDEST = 40


def table(letters: Sequence[Letter], width: int | None) -> str:
    """Lay letters out, a line each; `width` cuts the error, which comes last."""
    rows = [_HEADINGS, *map(_row, letters)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADINGS) - 1)]
    lines = []
    for row in rows:
        start = "  ".join(text.ljust(size) for text, size in zip(row[:-1], widths, strict=True))
        room = None if width is None else max(width - len(start) - 2, 10)
        lines.append(f"{start}  {row[-1] if room is None else short(row[-1], room)}".rstrip())
    return "".join(f"{line}\n" for line in lines)


def page(letter: Letter, raw: Raw | None) -> str:
    """Show all of a letter: where it is from, why it was given up, and what it holds."""
    told = letter.letter
    lines = [
        ("id", letter.id),
        ("state", _state(letter) + (f" at {_moment(letter.changed_at)}" if letter.changed_at else "")),
        ("given up", _moment(told.at) + (f" by {', '.join(letter.components)}" if letter.components else "")),
        *([("written", _moment(told.timestamp))] if told.timestamp else []),
        ("error", clean(told.error)),
    ]
    if raw is not None:
        lines += [("key", _shown(raw.key)), *(("header", f"{clean(name)} = {_shown(value)}") for name, value in raw.headers)]
    text = "".join(f"{name:<9} {value}\n" for name, value in lines)
    if raw is None:
        return text + "\nThe record itself is not held.\n"
    text += "\n" + (f"value ({len(raw.payload)} bytes)\n{_value(raw.payload)}\n" if raw.payload is not None else "no value (a tombstone)\n")
    return text + (f"\n{clean(told.traceback)}" if told.traceback else "")


def document(letter: Letter, raw: Raw | None = None) -> dict[str, Any]:
    """Return a letter for programs; with its record, bytes are base64, and what is text or JSON is there as such too."""
    told = letter.letter
    fields = {
        "id": letter.id,
        "state": letter.state.value,
        "changedAt": letter.changed_at,
        "edition": told.edition,
        "topic": told.topic,
        "partition": told.partition,
        "offset": told.offset,
        "key": told.key,
        "timestamp": told.timestamp,
        "at": told.at,
        "components": letter.components,
        "error": told.error,
        "errorType": told.error_type or None,
        "size": letter.size,
        "held": letter.held,
    }
    if raw is None:
        return fields
    parsed = json_of(raw.payload)
    return fields | {
        "traceback": told.traceback or None,
        "keyBytes": _base64(raw.key),
        "headers": [{"name": name, "text": _text(value), "bytes": _base64(value)} for name, value in raw.headers],
        "payload": _base64(raw.payload),
        "value": None if parsed is None else parsed[0],
    }


def json_of(payload: bytes | None) -> tuple[Any] | None:
    """Return what bytes are as JSON, in a tuple of one; None when they are none."""
    try:
        return (json.loads(payload or b""),)
    except (ValueError, RecursionError):
        return None


def _row(letter: Letter) -> tuple[str, ...]:
    told = letter.letter
    key = "-" if told.key is None else short(clean(told.key), _WIDEST)
    return letter.id, _moment(told.at), _state(letter), ",".join(letter.components) or "-", key, str(letter.size), _line(told.error)


def _state(letter: Letter) -> str:
    return "edited" if letter.state is LetterState.OPEN and letter.letter.edition else letter.state.lower()


def _line(text: str) -> str:
    return " ".join(clean(text).split())


def _moment(at: datetime | None) -> str:
    return "-" if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _text(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _shown(value: bytes | None) -> str:
    """Show a key or the value of a header in one line."""
    if value is None:
        return "-"
    text = _text(value)
    return short(clean(text), 200) if text is not None else f"0x{short(value.hex(), 200)}"


def _value(payload: bytes) -> str:
    parsed = json_of(payload)
    text = _text(payload)
    if parsed is not None:
        shown = json.dumps(parsed[0], indent=2, ensure_ascii=False)
    elif text is not None and text.isprintable():
        shown = text
    else:
        shown = "\n".join(_hex_dump(payload[: _MOST_SHOWN // 4]))
        return shown + _rest(len(payload) - _MOST_SHOWN // 4)
    return clean(shown[:_MOST_SHOWN]) + _rest(len(shown) - _MOST_SHOWN)


def _rest(count: int) -> str:
    return f"\n... and {count} more; -o json has all" if count > 0 else ""


def _hex_dump(payload: bytes) -> Iterable[str]:
    for start in range(0, len(payload), _ROW):
        row = payload[start : start + _ROW]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004 - what ASCII can print
        yield f"{start:08x}  {row.hex(' '):<{3 * _ROW}} {text}"
