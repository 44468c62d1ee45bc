"""`dead-letter`: what is shown, mended and put back."""

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from kestra_stream.cli.exit_codes import BAD_INPUT, FAILED, OK
from kestra_stream.cli.letters.commands import Edit, Wanted, discard_letters, edit_letter, list_letters, redrive_letters, show_letter
from kestra_stream.errors import Invalid, NotFound
from kestra_stream.models.execution_input import Kill
from kestra_stream.queue.interface import Record
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.serde import HEADERS, decode, to_bytes
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.dead_letters import Failure, letters_of
from kestra_stream.topics import EXECUTION_INBOX

from .command import kestra

NOW = SystemClock().now
ALL = Wanted(("all",))


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    log = MemoryLog(NOW)
    yield log
    log.close()


def bury(log: MemoryLog, payload: bytes | None, offset: int = 7, key: bytes | None = b"id") -> str:
    """Have a record given up; return the letter's id."""
    headers = (*HEADERS, ("trace", b"\xff\x00"))
    text, value = decode(EXECUTION_INBOX, payload, key, headers)
    record = Record(EXECUTION_INBOX.name, 3, offset, text, value, NOW(), payload, headers)
    log.send(letters_of(record, Failure.raised("executor", ValueError("no\x1b[2J\x07")), NOW(), lambda _: b""))
    return f"execution_inbox/3/{offset}"


def inbox(log: MemoryLog) -> list[object]:
    """Return what was put back."""
    return [record.value for records in log.reader((EXECUTION_INBOX,)).catch_up() for record in records]


def test_the_list_tells_each_letter_in_a_line_that_moves_no_cursor(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = bury(log, b"{"), bury(log, None, 8, None)
    redrive_letters(log, Wanted((second,)), "table")
    capsys.readouterr()
    assert list_letters(log, Wanted(), "table") == OK
    heading, one, other = capsys.readouterr().out.splitlines()
    assert heading.split() == ["ID", "GIVEN", "UP", "STATE", "BY", "KEY", "BYTES", "ERROR"]
    assert one.split()[0] == first
    assert one.split()[2:] == ["open", "executor", "id", "1", "ValueError:", "no·"]
    assert other.split()[2:5] == ["redriven", "executor", "-"]


def test_the_list_is_a_document_for_programs(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    name = bury(log, b"{")
    assert list_letters(log, Wanted(error="NO"), "json") == OK
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["state"], found["size"], found["components"]) == (name, "OPEN", 1, ["executor"])
    assert list_letters(log, Wanted(since="PT1H", until="PT1M"), "json") == OK
    assert json.loads(capsys.readouterr().out) == []


def test_no_letters_are_told_in_words(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    list_letters(log, Wanted(), "table")
    redrive_letters(log, ALL, "table")
    assert capsys.readouterr().out == "There are no such dead letters.\n" * 2


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted(since="yesterday"), "--since yesterday: it must be a moment"),
        (Wanted(until="P1Y"), "--until P1Y: it must be a moment"),
        (Wanted(state="lost"), "--state lost: it must be one of open, redriven, discarded"),
    ],
)
def test_a_filter_that_is_none_says_what_would_be_one(log: MemoryLog, wanted: Wanted, why: str) -> None:
    with pytest.raises(Invalid, match=why):
        list_letters(log, wanted, "table")


def test_a_letter_is_shown_with_its_value_laid_out(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    name = bury(log, b'{"kind":"kil","why":"k\\u00e4se"}')
    assert show_letter(log, name, "table") == OK
    text = capsys.readouterr().out
    for part in (name, "open", "by executor", "ValueError: no", "schema = 1", "trace = 0xff00", '  "why": "käse"', "32 bytes"):
        assert part in text, part
    assert "\x1b" not in text


def test_bytes_that_are_no_text_are_shown_as_a_dump(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    show_letter(log, bury(log, b"\0\0\0\0\x07Hello, Avro"), "table")
    assert "00000000  00 00 00 00 07 48 65 6c 6c 6f 2c 20 41 76 72 6f  .....Hello, Avro" in capsys.readouterr().out
    show_letter(log, bury(log, b"\xff" * 100_000, 8), "table")
    assert "and 83616 more; -o json has all" in capsys.readouterr().out


def test_a_letter_is_a_document_with_all_bytes(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    show_letter(log, bury(log, b"\xff\x00", key=b"\xfe"), "json")
    found = json.loads(capsys.readouterr().out)
    assert (b64decode(found["payload"]), b64decode(found["keyBytes"]), found["value"]) == (b"\xff\x00", b"\xfe", None)
    assert found["headers"] == [{"name": "schema", "text": "1", "bytes": "MQ=="}, {"name": "trace", "text": None, "bytes": "/wA="}]


def test_a_tombstone_and_an_unknown_letter(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    show_letter(log, bury(log, None), "table")
    assert "no value (a tombstone)" in capsys.readouterr().out
    with pytest.raises(NotFound, match="TOPIC/PARTITION/OFFSET"):
        show_letter(log, "7", "table")


def test_a_letter_is_mended_from_a_file_and_put_back(log: MemoryLog, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = bury(log, b'{"kind":"kil"}')
    file = tmp_path / "value.json"
    file.write_bytes(b'{"kind":"kil"}')
    with pytest.raises(Invalid, match=rf"{name}: .*kil"):
        edit_letter(log, Edit(name, str(file)))
    file.write_bytes(to_bytes(Kill()))
    assert edit_letter(log, Edit(name, str(file))) == OK
    list_letters(log, Wanted(), "table")
    assert "edited" in capsys.readouterr().out
    assert redrive_letters(log, Wanted((name,)), "table") == OK
    assert capsys.readouterr().out == f"{name} redriven\n"
    assert inbox(log) == [Kill()]


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a program that stands in for a person: it runs what is written into `deed.sh`, with the file as $1."""
    deed = tmp_path / "deed.sh"
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"sh '{deed}'")
    return deed


def test_a_letter_is_mended_in_an_editor(log: MemoryLog, editor: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = bury(log, b'{"kind":"kil"}')
    editor.write_text("""grep -q '  "kind": "kil"' "$1" && sed -i s/kil/kill/ "$1" """)
    assert edit_letter(log, Edit(name)) == OK
    redrive_letters(log, ALL, "table")
    assert inbox(log) == [Kill()]
    assert capsys.readouterr().out == f"{name} edited\n{name} redriven\n"


def test_an_editor_that_changes_nothing_or_fails_stores_nothing(
    log: MemoryLog, editor: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = bury(log, b"[]")
    editor.write_text("exit 0")
    assert edit_letter(log, Edit(name)) == OK
    assert capsys.readouterr().out == "Nothing was changed.\n"
    editor.write_text("exit 3")
    with pytest.raises(Invalid, match="has ended with 3"):
        edit_letter(log, Edit(name))
    monkeypatch.setenv("EDITOR", "/nowhere/editor")
    with pytest.raises(Invalid, match=r"cannot be started .* set \$EDITOR"):
        edit_letter(log, Edit(name))
    with pytest.raises(Invalid, match="no text"):
        edit_letter(log, Edit(bury(log, b"\xff", 8)))


def test_redriving_twice_is_told_and_does_nothing(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    name = bury(log, to_bytes(Kill()))
    assert redrive_letters(log, Wanted((name, name)), "table") == OK
    assert redrive_letters(log, Wanted((name,)), "table") == OK
    assert discard_letters(log, Wanted((name,)), "table") == FAILED
    assert capsys.readouterr().out == f"{name} redriven\n{name} was already redriven\n{name} was already redriven\n"
    assert inbox(log) == [Kill()]


def test_all_that_a_filter_lets_through_is_redriven_or_discarded(log: MemoryLog, capsys: pytest.CaptureFixture[str]) -> None:
    names = [bury(log, to_bytes(Kill()), offset) for offset in range(3)]
    discard_letters(log, Wanted(names[:1]), "table")
    assert redrive_letters(log, Wanted(("all",), topic="flow"), "table") == OK
    capsys.readouterr()
    assert redrive_letters(log, Wanted(("all",), topic="execution_inbox", since="PT1H"), "json") == OK
    assert json.loads(capsys.readouterr().out) == [{"id": name, "state": "REDRIVEN", "changed": True} for name in names[1:]]
    assert len(inbox(log)) == 2


@pytest.mark.parametrize("wanted", [Wanted(("a/0/1",), topic="log"), Wanted(("all", "a/0/1"))])
def test_names_and_filters_do_not_go_together(log: MemoryLog, wanted: Wanted) -> None:
    with pytest.raises(Invalid, match="not both"):
        redrive_letters(log, wanted, "table")


@pytest.mark.parametrize("command", [["list"], ["show", "a/0/1"], ["edit", "a/0/1", "-"], ["redrive", "all"], ["discard", "all"]])
def test_a_log_that_ends_with_its_process_has_no_letters_to_show(command: list[str], tmp_path: Path) -> None:
    done = kestra("dead-letter", *command, cwd=tmp_path, check=BAD_INPUT)
    assert "-c FILE" in done.stderr
    assert "Traceback" not in done.stderr
