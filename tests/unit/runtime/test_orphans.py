"""What is swept: files that nothing names. What is not: whatever the log still names, in whatever shape."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kestra_stream.errors import InvalidUri, Unavailable
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import TaskRunEnded
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import DeadLetter
from kestra_stream.models.state import State, StateType
from kestra_stream.queue.interface import Outgoing, Record, Start
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.serde import to_bytes
from kestra_stream.runtime.claim_check import ClaimCheck
from kestra_stream.runtime.cleaner import Cleaner
from kestra_stream.runtime.flow_table import FlowTable, flow_key
from kestra_stream.runtime.orphans import OrphanSweep, Swept
from kestra_stream.runtime.oversize import OversizeValues
from kestra_stream.storage.local import LocalStorage
from kestra_stream.storage.uri import execution_folder, task_run_folder
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import DEAD_LETTER, EXECUTION_EVENT, EXECUTION_INBOX, FLOW, Topic

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(hours=1)
BIG = "x" * 100_000


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def log() -> Iterator[MemoryLog]:
    log = MemoryLog(lambda: NOW)
    yield log
    log.close()


def deposit(storage: LocalStorage, execution_id: str) -> dict[str, object]:
    folder = task_run_folder(execution_folder("company", "flow", execution_id), "task", "run")
    return ClaimCheck(storage).deposit("main", folder, {"big": BIG})


def uri_of(outputs: dict[str, object]) -> str:
    big = outputs["big"]
    assert isinstance(big, dict)
    return str(big["$spilled"])


def event(execution_id: str, sequence: int, outputs: dict[str, object] | None = None) -> Outgoing:
    run = TaskRun("run", "task", State.created(NOW), outputs=outputs)
    return Outgoing(EXECUTION_EVENT, execution_id, ExecutionEvent(execution_id, sequence, task_runs=(run,)))


def test_what_no_record_names_goes_and_what_one_names_stays(storage: LocalStorage, log: MemoryLog) -> None:
    counted, lost = deposit(storage, "e1"), deposit(storage, "e1")
    log.send([event("e1", 1), event("e1", 2, counted)])
    sweep = OrphanSweep(log, storage)
    assert sweep.run(LATER, dry=True) == Swept(outputs=1, size=100_002)
    assert sweep.run(LATER) == Swept(outputs=1, size=100_002)
    assert [found.uri for found in storage.list("main", "kestra:///", recursive=True)] == [uri_of(counted)]
    assert uri_of(lost) != uri_of(counted)
    assert sweep.run(LATER) == Swept()


def test_a_value_that_another_execution_names_stays(storage: LocalStorage, log: MemoryLog) -> None:
    """A parent has the outputs of its child, a replay those of its original."""
    handed_on = deposit(storage, "child")
    log.send([event("child", 1), event("parent", 1, handed_on)])
    assert OrphanSweep(log, storage).run(LATER) == Swept()


def test_a_result_that_nobody_has_read_yet_keeps_its_values(storage: LocalStorage, log: MemoryLog) -> None:
    outputs = deposit(storage, "e1")
    ended = TaskRunEnded("run", 1, StateType.SUCCESS, NOW, NOW, outputs)
    log.send([event("e1", 1), Outgoing(EXECUTION_INBOX, "e1", ended)])
    assert OrphanSweep(log, storage).run(LATER) == Swept()


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_dead_letter_keeps_what_its_record_names(storage: LocalStorage, log: MemoryLog, pieces: int) -> None:
    """Also one that lies in several letters: it may be redriven."""
    payload = to_bytes(TaskRunEnded("run", 1, StateType.SUCCESS, NOW, NOW, deposit(storage, "e1")))
    log.send([event("e1", 1)])
    if pieces == 1:
        letters = [DeadLetter("execution_inbox", 0, 7, "e1", payload, "broken", NOW)]
    else:
        content = to_bytes({"key": "e1", "payload": payload, "headers": []}).decode()
        size = len(content) // pieces + 1
        letters = [
            DeadLetter(
                "execution_inbox", 0, 7, "e1", None, "broken", NOW, piece=number, pieces=pieces, content=content[number * size :][:size]
            )
            for number in range(pieces)
        ]
    log.send([Outgoing(DEAD_LETTER, "execution_inbox", letter) for letter in letters])
    assert OrphanSweep(log, storage).run(LATER) == Swept()


def test_an_execution_that_the_log_does_not_know_from_its_start_keeps_all(storage: LocalStorage, log: MemoryLog) -> None:
    """What the log has forgotten the repository may know."""
    deposit(storage, "old")
    deposit(storage, "unknown")
    log.send([event("old", 7)])
    assert OrphanSweep(log, storage).run(LATER) == Swept()


def test_what_is_young_and_what_is_no_value_of_the_engine_stays(storage: LocalStorage, log: MemoryLog) -> None:
    deposit(storage, "e1")
    log.send([event("e1", 1)])
    folder = task_run_folder(execution_folder("company", "flow", "e1"), "task", "run")
    storage.put("main", f"{folder}report.json", b"{}")
    sweep = OrphanSweep(log, storage)
    assert sweep.run(datetime.now(UTC) - timedelta(minutes=1)) == Swept()
    assert sweep.run(LATER).outputs == 1
    assert storage.attributes("main", f"{folder}report.json") is not None


def test_leftovers_of_puts_go_by_their_age(tmp_path: Path, storage: LocalStorage, log: MemoryLog) -> None:
    """A part of a file whose writer was killed is removed; one that is being written stays."""
    storage.put("main", "kestra:///a/b", b"")
    old, young = (tmp_path / "storage" / "main" / "a" / f".kestra-part-{name}" for name in ("old", "young"))
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (0, 0))
    assert OrphanSweep(log, storage).run(datetime.now(UTC) - timedelta(days=1)) == Swept(unfinished=1)
    assert (old.exists(), young.exists()) == (False, True)


@dataclass(frozen=True, slots=True)
class WrittenLog:
    """A log of a few records that shows how they lie, as one on a broker does."""

    records: Sequence[Record]

    def reader(self, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> "WrittenLog":
        return self

    def catch_up(self) -> Iterator[Sequence[Record]]:
        yield self.records

    def close(self) -> None:
        pass


def written(claim: str) -> WrittenLog:
    return WrittenLog([Record(EXECUTION_EVENT.name, 0, 0, "e1", ExecutionEvent("e1", 1), NOW, b"{}", claim=claim)])


def test_a_big_record_stays_as_long_as_a_record_claims_it(storage: LocalStorage) -> None:
    values = OversizeValues(storage, lambda: NOW)
    claimed, orphan = (values.deposit(content, EXECUTION_EVENT.name) for content in (b"1", b"2"))
    log = written(claimed)
    assert OrphanSweep(log, storage).run(LATER) == Swept(messages=1, size=1)  # type: ignore[arg-type]  # a log that is only read
    assert values.redeem(claimed) == b"1"
    assert storage.attributes("_engine", orphan) is None


def test_a_log_that_shows_no_claims_keeps_all_big_records(storage: LocalStorage, log: MemoryLog) -> None:
    OversizeValues(storage, lambda: NOW).deposit(b"1", EXECUTION_EVENT.name)
    log.send([event("e1", 1)])
    assert OrphanSweep(log, storage).run(LATER) == Swept()


@pytest.mark.parametrize(
    "claim",
    ["kestra:///_messages/a", "kestra:///_messages/log/../x.json", "kestra:///company/flow/executions/e/x.json", "file:///etc/passwd", ""],
)
def test_a_claim_of_a_big_record_names_a_big_record(storage: LocalStorage, claim: str) -> None:
    """A header may come from anybody."""
    with pytest.raises(InvalidUri):
        OversizeValues(storage, lambda: NOW).redeem(claim)


def test_of_many_cleaners_one_sweeps_in_an_interval(storage: LocalStorage, log: MemoryLog) -> None:
    clock = ManualClock(datetime.now(UTC))
    cleaners = [Cleaner(OrphanSweep(log, storage), storage, clock.now, timedelta(hours=12), timedelta(days=1)) for _ in range(3)]
    assert [cleaner.look() for cleaner in cleaners] == [True, False, False]
    clock.advance(timedelta(hours=13))
    assert cleaners[1].look()


def test_a_sweep_that_fails_is_made_again(storage: LocalStorage, log: MemoryLog) -> None:
    """The mark of a sweep that came to no end is taken back."""
    clock = ManualClock(datetime.now(UTC))
    deposit(storage, "e1")
    cleaner = Cleaner(OrphanSweep(log, storage), storage, clock.now, timedelta(hours=12), timedelta(days=-1))
    log.close()
    with pytest.raises(Unavailable):
        cleaner.look()
    working = MemoryLog(clock.now)
    assert Cleaner(OrphanSweep(working, storage), storage, clock.now, timedelta(hours=12), timedelta(days=1)).look()
    working.close()


def test_the_files_of_all_tenants_are_swept(log: MemoryLog, storage: LocalStorage) -> None:
    """Those that have, or had, a flow; a name that can have no files is nobody's."""
    table = FlowTable(log, parse_flow_source)
    for tenant in ("acme", "../other", "gone"):
        source = FlowSource(tenant, "company", "flow", 1, "", {}, deleted=tenant == "gone")
        log.send([Outgoing(FLOW, flow_key(source), source)])
    log.send([event("e1", 1)])
    folder = task_run_folder(execution_folder("company", "flow", "e1"), "task", "run")
    for tenant in ("main", "acme", "gone", "nobody"):
        ClaimCheck(storage).deposit(tenant, folder, {"big": BIG})
    assert OrphanSweep(log, storage, table.tenants).run(LATER).outputs == 3
    assert list(storage.list("nobody", folder, recursive=True))


def parse_flow_source(source: FlowSource) -> Flow:
    raise AssertionError(f"nobody needs {source}")
