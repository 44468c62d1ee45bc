"""What a running attempt may touch, over local storage and the memory repository."""

import io
import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from kestra_stream.errors import Invalid, InvalidUri, KestraError, NotFound
from kestra_stream.models.execution import Execution, ExecutionTrigger
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import State
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.attempt_log import AttemptLog
from kestra_stream.plugin.context.control import Control
from kestra_stream.plugin.context.encryption import Cipher, decrypt_text, encrypt_text
from kestra_stream.plugin.context.globs import matcher
from kestra_stream.plugin.context.key_value import decode, encode
from kestra_stream.plugin.context.run_context import AttemptContext
from kestra_stream.plugin.context.secrets import Masker, environment_secrets
from kestra_stream.plugin.context.variables import complete
from kestra_stream.plugin.text import MAX_LINE
from tests.unit.plugin.script.attempts import Place
from tests.unit.worker.doubles import now

KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
OWN = "kestra:///company/team/f/executions/e1/tasks/t/run-1/"


class Attempt:
    """A context with what it wrote."""

    def __init__(self, place: Place, namespace: str = "company.team", **variables: Any) -> None:
        self.place = place
        self.emitted: list[LogEntry] = []
        info = TaskInfo("main", namespace, "f", 1, "e1", "t", "run-1", 0)
        self.log = AttemptLog(info, now, self.emitted.extend, Masker())
        self.control = Control()

        def root(mask: Callable[[str], None]) -> dict[str, Any]:
            return complete(variables, info, {"id": "t", "type": "x"}, {"id": "run-1"}, place.services, mask)

        self.context = AttemptContext(info, place.services, root, self.log, self.control)

    def render(self, text: str) -> str:
        rendered: str = self.context.render(text)
        return rendered

    @property
    def lines(self) -> list[str]:
        return [entry.message for entry in (*self.emitted, *self.log.take())]


def content(file: BinaryIO) -> bytes:
    """Read a file and close it."""
    with file:
        return file.read()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    secrets = environment_secrets({"SECRET_PASSWORD": "aHVudGVyMg==", "SECRET_JSON": "eyJhIjogImIxMjMiLCAibiI6IDF9", "SECRET_BAD": "%%"})
    return Place(tmp_path, {"cipher": Cipher(KEY), "secrets": secrets, "envs": {"x": "1"}, "globals": {"g": 2}})


@pytest.fixture
def attempt(place: Place) -> Attempt:
    return Attempt(place, inputs={"a": "A"})


# -- rendering and secrets ---------------------------------------------------------------------------------------------


def test_the_worker_adds_what_only_it_knows(attempt: Attempt) -> None:
    assert attempt.render("{{ inputs.a }} {{ task.id }} {{ taskrun.id }} {{ envs.x }} {{ globals.g }}") == "A t run-1 1 2"


def test_a_directory_is_made_only_for_those_who_ask(attempt: Attempt) -> None:
    attempt.render("{{ inputs.a }}")
    assert list((attempt.place.folder / "work").glob("*")) == []
    assert attempt.render("{{ workingDir }}") == str(attempt.context.working_directory.path)
    attempt.context.close()
    assert list((attempt.place.folder / "work").glob("*")) == []


def test_secrets_are_given_out_and_masked(attempt: Attempt) -> None:
    assert attempt.render("{{ secret('password') }} {{ secret('JSON', subkey='a') }}") == "hunter2 b123"
    attempt.context.logger.info("it is hunter2, b123")
    assert attempt.lines == ["it is ********, ********"]
    for text in ("{{ secret('NOPE') }}", "{{ secret('BAD') }}", "{{ secret('JSON', subkey='z') }}"):
        with pytest.raises(KestraError):
            attempt.render(text)


def test_encrypted_values_are_opened_where_they_are_used_and_masked(place: Place) -> None:
    secret = place.services.cipher.encrypt("hush-hush")
    attempt = Attempt(place, inputs={"s": secret, "plain": {"x": [1]}}, outputs={"t": {"vars": [secret]}})
    assert attempt.render("{{ inputs.s }} {{ outputs.t.vars[0] }} {{ inputs.plain.x[0] }}") == "hush-hush hush-hush 1"
    attempt.context.logger.info("hush-hush")
    assert attempt.lines == ["********"]


def test_encryption_needs_a_key_and_notices_a_change() -> None:
    assert decrypt_text(KEY, encrypt_text(KEY, "text")) == "text"
    assert encrypt_text(KEY, "text") != encrypt_text(KEY, "text")
    for problem in (lambda: Cipher(None).encrypt("x"), lambda: encrypt_text("short", "x"), lambda: decrypt_text(KEY, "AAAA")):
        with pytest.raises(Invalid):
            problem()


@pytest.mark.parametrize("secret", ['pass"word', "back\\slash", "schlüssel", "tab\there", "two\nlines of it"])
def test_a_secret_is_masked_also_inside_of_json(secret: str) -> None:
    masker = Masker()
    masker.add(secret)
    for text in (json.dumps({"x": secret}), json.dumps({"x": secret}, ensure_ascii=False), f"it is {secret}."):
        assert masker.mask(text).replace("x", "") in {'{"": "********"}', "it is ********."}


def test_the_log_of_an_attempt_is_bounded_and_says_so() -> None:
    entries: list[Any] = []
    info = TaskInfo("main", "company.team", "f", 1, "e", "t", "r", 0)
    lines = AttemptLog(info, now, entries.extend, Masker(), most=1000)
    for number in range(1000):
        lines.log(Level.INFO, f"line {number}")
    for _ in range(1000):
        lines.error("the end")
    entries.extend(lines.take())
    messages = [entry.message for entry in entries]
    assert sum(message.startswith("line") for message in messages) < 130
    assert [message for message in messages if message.startswith("The log of this attempt is full")] == [messages[-101]]
    assert messages[-100:] == ["the end"] * 100
    assert [entry.id for entry in entries] == [f"r-0-{number:06d}" for number in range(len(entries))]


def test_a_secret_of_several_lines_is_masked_line_by_line() -> None:
    masker = Masker()
    masker.add("first line\nsecond line\nx\n")
    assert masker.mask("a first line, b second line, x") == "a ********, b ********, x"


def test_spilled_values_are_fetched_where_they_are_used(place: Place) -> None:
    uri = place.storage.put("main", f"{OWN}_outputs/0123456789abcdef0123456789abcdef.json", b'{"deep": [1, 2]}')
    attempt = Attempt(place, outputs={"t": {"big": {"$spilled": uri, "size": 16}}})
    assert attempt.render("{{ outputs.t.big.deep[1] }}") == "2"


# -- log ---------------------------------------------------------------------------------------------------------------


def test_a_long_line_is_cut_with_a_note_and_many_lines_are_emitted_in_pieces(attempt: Attempt) -> None:
    attempt.context.logger.info("x" * (MAX_LINE + 10))
    assert attempt.lines[0].endswith("x… [10 more characters were cut]")
    for number in range(1200):
        attempt.context.logger.info(str(number))
    assert len(attempt.emitted) == 1000
    assert [entry.id for entry in attempt.emitted] == sorted(entry.id for entry in attempt.emitted)


def test_lines_below_the_level_are_dropped() -> None:
    log = AttemptLog(TaskInfo("main", "n", "f", 1, "e", "t", "r", 0), now, lambda _: None, Masker(), Level.WARN)
    log.info("no")
    log.warning("yes")
    assert [entry.message for entry in log.take()] == ["yes"]


# -- files -------------------------------------------------------------------------------------------------------------


def test_files_are_written_below_the_task_run(attempt: Attempt) -> None:
    files = attempt.context.files
    assert files.put(b"1", "a/b.txt") == f"{OWN}a/b.txt"
    with files.writer("w.txt") as writer:
        writer.write(b"one\n")
        writer.write(b"two\r\n")
    assert (writer.uri, files.size(writer.uri), files.exists(writer.uri)) == (f"{OWN}w.txt", 9, True)
    assert list(attempt.context.lines(writer.uri)) == [b"one", b"two"]
    assert content(files.open(writer.uri, 1, 3)) == b"ne"
    assert files.delete(writer.uri)
    assert not files.delete(writer.uri)
    assert files.delete_execution_files() == [f"{OWN}a/b.txt"]
    with pytest.raises(InvalidUri):
        files.put(b"", "../x")


@pytest.mark.parametrize(
    "uri",
    [
        "kestra:///other/f/executions/e9/tasks/t/r/x",
        "kestra:///company/team/sub/f/executions/e9/tasks/t/r/x",
        "kestra:///company/team/sub/_files/x",
        "kestra:///company/f/executions/e9/x",
        "kestra:///company/team/f/executions/e1/../e2/x",
        "kestra:///company/team/f/executions/e1/%2e%2e/x",
        "kestra:///_messages/x",
        "file:///etc/passwd",
        "/etc/passwd",
    ],
)
def test_foreign_files_are_refused(attempt: Attempt, uri: str) -> None:
    for use in (attempt.context.files.open, attempt.context.files.size, attempt.context.files.exists, attempt.context.files.delete):
        with pytest.raises(InvalidUri):
            use(uri)


def test_files_of_the_namespace_and_of_the_parent_may_be_read(place: Place) -> None:
    own = place.storage.put("main", "kestra:///company/team/g/executions/e7/tasks/t/r/x", b"own")
    parent = place.storage.put("main", "kestra:///boss/p/executions/e0/tasks/t/r/x", b"parent")
    attempt = Attempt(place, trigger={"executionId": "e0", "namespace": "boss", "flowId": "p"})
    assert content(attempt.context.files.open(own)) == b"own"
    assert content(attempt.context.files.open(parent)) == b"parent"
    with pytest.raises(InvalidUri):
        attempt.context.files.delete(parent)


def test_the_parent_is_asked_from_the_repository_when_the_job_does_not_tell(place: Place) -> None:
    parent = place.storage.put("main", "kestra:///boss/p/executions/e0/tasks/t/r/x", b"parent")
    trigger = ExecutionTrigger("t", "x", {"executionId": "e0", "namespace": "boss", "flowId": "p"})
    head = Execution("e1", "company.team", "f", 1, State.created(now()), trigger=trigger)
    place.repository.executions.apply([ExecutionEvent("e1", 1, head)])
    assert Attempt(place).render("{{ read('" + parent + "') }}") == "parent"


# -- KV store ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("text", "STRING"),
        (1, "NUMBER"),
        (1.5, "NUMBER"),
        (True, "BOOLEAN"),
        (datetime(2030, 1, 1, tzinfo=UTC), "DATETIME"),
        (date(2030, 1, 1), "DATE"),
        (timedelta(minutes=5), "DURATION"),
        ({"a": [1, None]}, "JSON"),
        (None, "JSON"),
    ],
)
def test_values_keep_their_type(attempt: Attempt, value: Any, kind: str) -> None:
    attempt.context.key_values().set("k", value, description="d")
    stored = attempt.context.key_values().get("k")
    assert stored is not None
    assert (stored.value, stored.type, stored.description, type(stored.value)) == (value, kind, "d", type(value))
    with attempt.place.storage.get("main", "kestra:///company/team/_kv/k.ion") as file:
        assert decode(kind, file.read()) == value


def test_ion_of_others_is_read() -> None:
    assert decode("JSON", b"{a: 1, b: [1.5, null], 'c': \"x\"}") == {"a": 1, "b": [1.5, None], "c": "x"}
    assert encode(Decimal("1.50")) == ("NUMBER", b"1.50")


def test_children_read_the_keys_of_their_parents(place: Place) -> None:
    Attempt(place, namespace="company").context.key_values().set("k", "parent")
    child = Attempt(place)
    assert child.render("{{ kv('k') }}|{{ kv('none') }}") == "parent|"
    assert child.context.key_values().get("k", inherit=False) is None
    child.context.key_values().set("k", "child")
    assert child.render("{{ kv('k') }} {{ kv('k', namespace='company') }}") == "child parent"
    with pytest.raises(KestraError, match="does not exist"):
        child.render("{{ kv('none', errorOnMissing=true) }}")


def test_a_key_is_overwritten_only_where_it_may_be(attempt: Attempt) -> None:
    store = attempt.context.key_values()
    store.set("k", 1, overwrite=False)
    with pytest.raises(Invalid, match="must not be overwritten"):
        store.set("k", 2, overwrite=False)
    stored = store.get("k")
    assert stored is not None
    assert stored.value == 1
    with pytest.raises(Invalid, match="no valid key"):
        store.set("no/slash", 1)


def test_an_expired_key_is_gone_with_its_file(attempt: Attempt) -> None:
    store = attempt.context.key_values()
    store.set("old", 1, ttl=timedelta(microseconds=1))
    store.set("new", 1, ttl=timedelta(days=1))
    assert store.keys() == ["new"]
    assert store.get("old") is None
    assert attempt.place.storage.attributes("main", "kestra:///company/team/_kv/old.ion") is None
    assert (store.delete("new"), store.delete("new"), store.keys()) == (True, False, [])


def test_a_new_repository_finds_the_values_that_storage_has(place: Place) -> None:
    Attempt(place).context.key_values().set("k", "kept", ttl=timedelta(days=1))
    later = Attempt(Place(place.folder))
    stored = later.context.key_values().get("k")
    assert stored is not None
    assert (stored.value, stored.type, stored.expires_at is not None) == ("kept", "STRING", True)


# -- namespace files and functions -------------------------------------------------------------------------------------


def test_namespace_files(attempt: Attempt) -> None:
    folder = attempt.context.namespace_files()
    uri = folder.put("scripts/a.py", b"print()")
    folder.put("/b.txt", io.BytesIO(b"text"))
    assert uri == folder.uri("/scripts/a.py") == "kestra:///company/team/_files/scripts/a.py"
    assert folder.list() == ["/b.txt", "/scripts/a.py"]
    assert folder.list(["scripts/**"]) == ["/scripts/a.py"]
    assert folder.list(exclude=["**/*.py"]) == ["/b.txt"]
    assert content(folder.open("b.txt")) == b"text"
    assert attempt.place.repository.namespace_files.get("main", "company.team", "/b.txt") is not None
    assert (folder.delete("b.txt"), folder.delete("b.txt"), folder.uri("b.txt")) == (True, False, None)
    with pytest.raises(NotFound, match=r"there is no file 'b\.txt'"):
        folder.open("b.txt")
    with pytest.raises(InvalidUri):
        folder.open("../../x")


def test_functions_that_look_at_files(attempt: Attempt) -> None:
    attempt.context.namespace_files().put("a.txt", b"hello")
    uri = attempt.context.files.put(b"", "empty.txt")
    assert attempt.render("{{ read('a.txt') }} {{ fileSize('a.txt') }} {{ fileURI('a.txt') }}") == (
        "hello 5 kestra:///company/team/_files/a.txt"
    )
    assert attempt.render("{{ isFileEmpty('" + uri + "') }} {{ fileExists('" + uri + "') }} {{ fileExists('nope') }}") == "true true false"
    assert attempt.render("{{ decrypt('" + KEY + "', encrypt('" + KEY + "', 'x')) }}") == "x"
    with pytest.raises(KestraError):
        attempt.render("{{ read('nope.txt') }}")


def test_error_logs_are_those_of_the_execution(attempt: Attempt) -> None:
    def line(number: int, level: Level, execution: str) -> LogEntry:
        return LogEntry(str(number), execution, "company.team", "f", now(), level, f"m{number}", "t", "run-1", 0)

    attempt.place.repository.logs.add([line(1, Level.ERROR, "e1"), line(2, Level.INFO, "e1"), line(3, Level.ERROR, "e2")])
    assert attempt.render("{{ errorLogs() | length }} {{ errorLogs()[0].message }} {{ errorLogs()[0].taskId }}") == "1 m1 t"


# -- working directory and globs ---------------------------------------------------------------------------------------


def test_a_working_directory_keeps_its_files_inside(attempt: Attempt, tmp_path: Path) -> None:
    directory = attempt.context.working_directory
    directory.write("a/b.txt", b"1")
    directory.write("c.csv", io.BytesIO(b"2"))
    (directory.path / "link").symlink_to(tmp_path)
    (directory.path / "passwd").symlink_to("/etc/passwd")
    assert [path.name for path in directory.find(["**"])] == ["b.txt", "c.csv"]
    for name in ("", "/etc/x", "../x", "a/../../x", "link/x", "nul\0"):
        with pytest.raises(Invalid):
            directory.resolve(name)
    (directory.path / "a").chmod(0)
    attempt.context.close()
    assert not directory.is_made
    assert list((tmp_path / "work").glob("*")) == []


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*.txt", ["a.txt"], ["b/a.txt", "a.txt.gz"]),
        ("**/*.txt", ["a.txt", "b/a.txt", "b/c/a.txt"], ["a.csv"]),
        ("**", ["a", "b/c"], []),
        ("d/**", ["d/a", "d/b/c"], ["d", "e/a"]),
        ("{a,b}.{txt,csv}", ["a.txt", "b.csv"], ["c.txt", "a,b.txt"]),
        ("f[0-9!].t?t", ["f1.txt", "f!.tat"], ["fx.txt"]),
        ("f[!0-9]", ["fx"], ["f1"]),
        ("/a.txt", ["a.txt"], []),
        ("./a+b(c).txt", ["a+b(c).txt"], ["aab(c).txt"]),
        ("a,b}", ["a,b}"], []),
        ("{a", ["a"], []),
        ("regex:a+", ["aaa"], ["b"]),
        ("glob:*.x", ["1.x"], ["a/1.x"]),
        (r"\*", ["*"], ["a"]),
    ],
)
def test_globs(pattern: str, matching: list[str], other: list[str]) -> None:
    is_wanted = matcher([pattern])
    assert [path for path in matching if not is_wanted(path)] == []
    assert [path for path in other if is_wanted(path)] == []


def test_metrics_are_numbered(attempt: Attempt) -> None:
    attempt.context.counter("a", 2, k="v")
    attempt.context.gauge("b", 1)
    attempt.context.timer("c", 0.5)
    kinds: list[tuple[str, float, Mapping[str, str], str]] = [(m.name, m.value, m.tags, m.type.value) for m in attempt.context.metrics]
    assert kinds == [("a", 2, {"k": "v"}, "counter"), ("b", 1, {}, "gauge"), ("c", 0.5, {}, "timer")]
    assert len({metric.id for metric in attempt.context.metrics}) == 3
