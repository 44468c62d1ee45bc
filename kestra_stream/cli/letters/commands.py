"""`dead-letter list`, `show`, `edit`, `redrive` and `discard`: over the log of the settings, or any other."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size

from kestra_stream.cli.exit_codes import FAILED, OK
from kestra_stream.cli.letters.picture import document, json_of, page, table
from kestra_stream.cli.terminal.output import is_terminal, json_text, table_or_json, write_out
from kestra_stream.errors import Invalid, NotFound
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.messages import LetterState
from kestra_stream.queue.interface import Log
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.topics import DEAD_LETTER, topic_of
from kestra_stream.webserver.letters.desk import Desk
from kestra_stream.webserver.letters.letter import Filter, Letter, read_letters, read_marks, read_records

EVERY = "all"
_EDITOR = "vi"
_now = SystemClock().now


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters the command line names; the only name `all` means all that the rest lets through."""

    names: Sequence[str] = ()
    topic: str | None = None
    since: str | None = None
    until: str | None = None
    error: str | None = None
    state: str | None = None

    def filter(self, now: datetime) -> Filter:
        """Return the filter. Raises Invalid for a moment or a state that is none."""
        states = tuple(LetterState) if self.state is None else (_state(self.state),)
        return Filter(self.topic, _moment("--since", self.since, now), _moment("--until", self.until, now), self.error, states)


@dataclass(frozen=True, slots=True)
class Edit:
    """What an edit asks for: a file (`-` for standard input, None for an editor), bytes as they are, another key."""

    name: str
    source: str | None = None
    raw: bool = False
    key: str | None = None


def list_letters(log: Log, wanted: Wanted, output: str) -> int:
    """Print the letters that are meant, oldest first; return the exit code."""
    is_json = table_or_json(output) == "json"
    mask = wanted.filter(_now())
    letters = [letter for letter in read_letters(log, read_marks(log)).values() if mask.takes(letter)]
    if is_json:
        write_out(json_text([document(letter) for letter in letters]))
    elif letters:
        write_out(table(letters, get_terminal_size().columns if is_terminal(sys.stdout) else None))
    else:
        write_out("There are no such dead letters.\n")
    return OK


def show_letter(log: Log, name: str, output: str) -> int:
    """Print all of one letter; return the exit code."""
    is_json = table_or_json(output) == "json"
    letter = _one(read_letters(log, read_marks(log)), name)
    raw = next((raw for _, raw in read_records(log, {name: letter})), None)
    write_out(json_text(document(letter, raw)) if is_json else page(letter, raw))
    return OK


def edit_letter(log: Log, edit: Edit, output: str = "table") -> int:
    """Store another value for a letter; return the exit code. The desk is free while somebody thinks in an editor."""
    is_json, key = table_or_json(output) == "json", None if edit.key is None else edit.key.encode()
    if edit.source is not None:
        payload = sys.stdin.buffer.read() if edit.source == "-" else Path(edit.source).read_bytes()
    else:
        letter = _one(read_letters(log, read_marks(log)), edit.name)
        before = next((raw.payload for _, raw in read_records(log, {edit.name: letter})), None) or b""
        payload = _in_editor(edit.name, before)
        if payload == before and key is None:
            return _edited(edit.name, is_json=is_json, changed=False)
    with Desk(log, _now) as desk:
        desk.edit(edit.name, payload, key, raw=edit.raw)
    return _edited(edit.name, is_json=is_json, changed=True)


def _edited(name: str, *, is_json: bool, changed: bool) -> int:
    told = json_text({"id": name, "changed": changed}) if is_json else f"{name} edited\n" if changed else "Nothing was changed.\n"
    write_out(told)
    return OK


def redrive_letters(log: Log, wanted: Wanted, output: str) -> int:
    """Put records back where they came from; return the exit code."""
    is_json = table_or_json(output) == "json"
    with Desk(log, _now) as desk:
        letters = desk.letters()
        names = _names(letters, wanted, can_be=lambda letter: letter.held and topic_of(letter.letter.topic) not in {None, DEAD_LETTER})
        return _told(names, letters, desk.redrive(names), is_json=is_json, wish=LetterState.REDRIVEN)


def discard_letters(log: Log, wanted: Wanted, output: str) -> int:
    """Mark letters as done with; return the exit code."""
    is_json = table_or_json(output) == "json"
    with Desk(log, _now) as desk:
        letters = desk.letters()
        names = _names(letters, wanted, can_be=lambda _: True)
        return _told(names, letters, desk.discard(names), is_json=is_json, wish=LetterState.DISCARDED)


def _names(letters: Mapping[str, Letter], wanted: Wanted, can_be: Callable[[Letter], bool]) -> Sequence[str]:
    """Return the letters that are meant: those that are named, or all open ones that a filter lets through."""
    if tuple(wanted.names) != (EVERY,):
        if EVERY in wanted.names or wanted.topic or wanted.since or wanted.until or wanted.error:
            raise Invalid(
                f"name letters by their ids, or give `{EVERY}`, with --topic, --since, --until or --error to mean fewer; not both"
            )
        return tuple(dict.fromkeys(wanted.names))
    mask = wanted.filter(_now())
    return [name for name, letter in letters.items() if letter.state is LetterState.OPEN and mask.takes(letter) and can_be(letter)]


def _told(names: Sequence[str], letters: Mapping[str, Letter], done: Mapping[str, LetterState], *, is_json: bool, wish: LetterState) -> int:
    """Print what has become of each letter; fail when one of them has the other end already."""
    states = {name: done.get(name, letters[name].state) for name in names}
    if is_json:
        write_out(json_text([{"id": name, "state": state.value, "changed": name in done} for name, state in states.items()]))
    else:
        lines = [f"{name} {'' if name in done else 'was already '}{state.lower()}\n" for name, state in states.items()]
        write_out("".join(lines) or "There are no such dead letters.\n")
    return OK if all(state is wish for state in states.values()) else FAILED


def _one(letters: Mapping[str, Letter], name: str) -> Letter:
    if name not in letters:
        raise NotFound(f"there is no dead letter {name}; an id is TOPIC/PARTITION/OFFSET, as `dead-letter list` tells")
    return letters[name]


def _state(text: str) -> LetterState:
    try:
        return LetterState(text.upper())
    except ValueError:
        raise Invalid(f"--state {text}: it must be one of {', '.join(state.lower() for state in LetterState)}") from None


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """Read a moment, or a duration before now."""
    if text is None:
        return None
    try:
        if text.upper().startswith("P"):
            return now - parse_duration(text)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Invalid(f"{option} {text}: it must be a moment, as 2030-01-31T12:00:00Z, or a duration before now, as PT1H") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _in_editor(name: str, payload: bytes) -> bytes:
    """Let somebody edit a value in the editor of $VISUAL or $EDITOR; JSON is laid out for it."""
    parsed = json_of(payload)
    try:
        text = payload.decode() if parsed is None else json.dumps(parsed[0], indent=2, ensure_ascii=False) + "\n"
    except UnicodeDecodeError:
        raise Invalid(f"{name} holds bytes that are no text; give the new value as a file (or - for standard input)") from None
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _EDITOR
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / ("value.json" if parsed is not None else "value.txt")
        file.write_text(text, encoding="utf-8")
        try:
            code = subprocess.run([*shlex.split(editor), str(file)], check=False).returncode  # noqa: S603 - the person's own editor
        except (OSError, ValueError) as error:
            raise Invalid(f"the editor `{editor}` cannot be started ({error}); set $EDITOR, or give the new value as a file") from None
        if code:
            raise Invalid(f"the editor `{editor}` has ended with {code}; nothing was changed")
        edited = file.read_text(encoding="utf-8")
    return payload if edited == text else edited.encode()
