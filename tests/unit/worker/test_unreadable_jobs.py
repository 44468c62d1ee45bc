"""A job that cannot be read goes to the dead letters, whoever waits for it is told, and the worker goes on with the others."""

import threading
from collections.abc import Iterator

import pytest

from kestra_stream.models.execution_input import LookedUp, TaskRunEnded
from kestra_stream.models.messages import DeadLetter, LookupCall, LookupJob
from kestra_stream.models.state import StateType
from kestra_stream.queue.interface import Outgoing, Record, Unreadable
from kestra_stream.queue.serde import HEADERS, decode, to_bytes
from kestra_stream.runtime.dead_letters import raw_of
from kestra_stream.topics import KILL, WORKER_JOB
from kestra_stream.worker.processor import Worker
from kestra_stream.worker.unreadable_job import ends_of_unreadable
from tests.unit.worker.doubles import NOW, Does, JobLine, KeptLog, eventually, flow_of, job, now, services

NEWER = (("schema", b"2"),)


def unreadable(payload: bytes, headers: tuple[tuple[str, bytes], ...] = NEWER) -> Record:
    """Return a job as a work queue hands it out."""
    key, value = decode(WORKER_JOB, payload, b"run-9", headers)
    assert isinstance(value, Unreadable)
    return Record(WORKER_JOB.name, 4, 5, key, value, NOW)


class Bench:
    """A worker that runs, with its surroundings."""

    def __init__(self) -> None:
        self.log, self.line = KeptLog(), JobLine()
        Does.works["a"] = lambda _: None
        flow = flow_of(Does(id="a"))
        self.worker = Worker(self.log, self.line, lambda *_: flow, services(), "w1")


@pytest.fixture
def bench() -> Iterator[Bench]:
    before = set(threading.enumerate())
    bench = Bench()
    bench.worker.start()
    yield bench
    bench.worker.stop(drain=5)
    assert eventually(lambda: set(threading.enumerate()) <= before)


def test_the_run_of_a_job_that_cannot_be_read_fails_instead_of_hanging(bench: Bench) -> None:
    record = unreadable(to_bytes(job("a", 9, epoch=3)))
    bench.line.offer(record, job("a", 1))
    ends = {ended.task_run_id: ended for ended in bench.log.ended(2)}
    assert ends["run-1"].state is StateType.SUCCESS
    assert (ends["run-9"].state, ends["run-9"].epoch, ends["run-9"].worker_id) == (StateType.FAILED, 3, "w1")
    assert "written by a newer version" in (ends["run-9"].error or "")
    (letter,) = bench.log.values(DeadLetter)
    assert (letter.topic, letter.partition, letter.offset, letter.component) == ("worker_job", 4, 5, "worker")
    raw = raw_of([letter])
    assert raw is not None
    assert (raw.payload, raw.key, raw.headers) == (record.value.payload, b"run-9", NEWER)
    assert eventually(lambda: sorted(bench.line.accepted) == ["lease-run-1", "lease-run-9"])


def test_a_job_that_names_nobody_is_taken_out_of_the_line(bench: Bench) -> None:
    bench.line.offer(unreadable(b"\xff"))
    assert eventually(lambda: bench.line.accepted == ["lease-run-9"])
    assert len(bench.log.values(DeadLetter)) == 1
    assert bench.log.values(TaskRunEnded) == []


def test_a_kill_that_cannot_be_read_is_a_dead_letter_and_the_next_one_is_heard(bench: Bench) -> None:
    bench.log.send([Outgoing(KILL, "e1", Unreadable(b"{", "why", b"e1"))])
    (letter,) = bench.log.wait(DeadLetter)
    assert (letter.topic, letter.payload, letter.error) == ("kill", b"{", "why")


def test_calls_of_an_expression_are_answered_with_the_error() -> None:
    calls = (LookupCall("k1", "kv"), LookupCall("k2", "secret"))
    record = unreadable(to_bytes(LookupJob("e1", "company.team", "f", 1, "lookup", calls)))
    (told,) = ends_of_unreadable(record.value, "w1", now())
    assert isinstance(told.value, LookedUp)
    assert (told.key, told.value.lookup_id) == ("e1", "lookup")
    assert [(answer.key, answer.value) for answer in told.value.answers] == [("k1", None), ("k2", None)]
    assert all("newer version" in (answer.error or "") for answer in told.value.answers)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[1]",
        b'{"execution_id":1,"task_run_id":"r","epoch":1}',
        b'{"execution_id":"e","task_run_id":"r","epoch":"1"}',
        b'{"execution_id":"e","lookup_id":"l","calls":"all"}',
        b'{"execution_id":"e"}',
        b"[" * 10_000,
    ],
)
def test_bytes_that_do_not_say_whose_job_they_are_tell_nobody(payload: bytes) -> None:
    assert ends_of_unreadable(unreadable(payload, HEADERS).value, "w1", now()) == []
