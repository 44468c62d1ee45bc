"""Clients that do not find their group again after a broker was away: their members come back with new ones, and nothing is lost."""

import time
from collections.abc import Callable, Iterator
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError

from kestra_stream.errors import Unavailable
from kestra_stream.models.messages import LookupJob, WhoHasJobs, WorkerTalk
from kestra_stream.queue.interface import Outgoing, Transaction
from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue
from kestra_stream.queue.kafka.clients.standstill import Standstill
from kestra_stream.queue.kafka.group.vigil import Vigil
from kestra_stream.queue.kafka.member import KafkaMember
from kestra_stream.queue.kafka.work_queue.talk import Talk
from kestra_stream.topics import WORKER_JOB, WORKER_TALK, Cleanup, Topic, job_topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import Broker

PATIENCE = 60.0
INBOX = Topic("inbox", "any", str, Cleanup.DELETE, "a test", "a test", partitions=2)


@pytest.fixture
def log(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaLog]:
    for watch in (Vigil, Standstill):
        monkeypatch.setattr(watch.__init__, "__defaults__", (3.0,))
    log = KafkaLog(Connection({**kafka.client, "group.protocol": "classic"}, prefix=prefix, creates=True))
    yield log
    log.close()


class Silent:
    """A client that waits for a broker which is none any more: it is polled, and gives nothing."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.was_asked = Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def poll(self, timeout: float) -> None:
        self.was_asked.set()
        self._consumer.poll(timeout)

    def consume(self, most: int, timeout: float) -> list[Any]:
        self.was_asked.set()
        self._consumer.consume(most, timeout)
        return []


class Homeless(Silent):
    """One that waits for the coordinator of its group."""

    def memberid(self) -> str:
        return ""


TOLD = {Silent: "though there is something", Homeless: "does not find its group"}


@pytest.mark.parametrize("kind", TOLD)
def test_a_member(log: KafkaLog, caplog: pytest.LogCaptureFixture, kind: type[Silent]) -> None:
    member = log.consumer("astray", (INBOX,))
    assert isinstance(member, KafkaMember)
    found: list[str] = []

    def has(count: int) -> bool:
        found.extend(record.value for record in member.poll(10, 0.1))
        return len(set(found)) == count

    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10)])
    wait_until(lambda: has(10), PATIENCE, "all are read")
    member._client.consumer = kind(member._client.consumer)  # noqa: SLF001 - the fault is inside
    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10, 20)])
    wait_until(lambda: has(20), PATIENCE, "all are read")
    member.close()
    assert TOLD[kind] in caplog.text


@pytest.mark.parametrize("kind", TOLD)
def test_a_work_queue(log: KafkaLog, caplog: pytest.LogCaptureFixture, kind: type[Silent]) -> None:
    log.cluster.ensure(job_topic("gpu"), 2)
    log.cluster.ensure(WORKER_TALK, 2)
    queue = KafkaWorkQueue(log.cluster, "gpu")
    taken: list[str] = []

    def take(count: int) -> bool:
        leases = queue.take(10, 0.1)
        taken.extend(lease.job.lookup_id for lease in leases if queue.accept(lease))
        return len(taken) >= count

    def send(*names: int) -> None:
        jobs = [LookupJob(str(name), "a.namespace", "flow", 1, str(name), (), worker_group="gpu") for name in names]
        log.send([Outgoing(WORKER_JOB, job.lookup_id, job) for job in jobs])

    try:
        send(*range(10))
        wait_until(lambda: take(10), PATIENCE, "all jobs are taken")
        owner = queue._owner  # noqa: SLF001 - the fault is inside
        silent = kind(owner._consumer)  # noqa: SLF001 - as above
        owner._consumer = silent  # type: ignore[assignment]  # noqa: SLF001 - as above
        assert silent.was_asked.wait(PATIENCE)  # the one before is asked for nothing any more
        send(*range(10, 20))
        wait_until(lambda: take(20), PATIENCE, "all jobs are taken")
    finally:
        queue.close()
    assert sorted(map(int, taken)) == list(range(20))
    assert TOLD[kind] in caplog.text


def test_workers_hear_each_other_again(log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    log.cluster.ensure(WORKER_TALK, 1)
    heard: list[WorkerTalk] = []
    talk = Talk(log.cluster, log.cluster.ensure(WORKER_TALK), "one", "gpu", heard.append, lambda _: None)
    talk.start()

    def is_heard() -> bool:
        talk.say("one", WhoHasJobs("another"))
        talk._producer.flush(1.0)  # noqa: SLF001 - what was said arrives
        return bool(heard)

    try:
        wait_until(is_heard, PATIENCE, "the worker hears")
        talk._consumer = Silent(talk._consumer)  # type: ignore[assignment]  # noqa: SLF001 - the fault is inside
        talk._undelivered(KafkaError(KafkaError._MSG_TIMED_OUT), None)  # noqa: SLF001 - as above
        mouth = talk._producer  # noqa: SLF001 - as above
        wait_until(lambda: is_heard() and TOLD[Silent] in caplog.text, PATIENCE, "the worker notices")
        heard.clear()
        wait_until(is_heard, PATIENCE, "the worker hears again")
    finally:
        talk.close()
    assert talk._producer is not mouth  # noqa: SLF001 - as above


@pytest.mark.parametrize("way", ["poll", "catch up"])
def test_a_reader(log: KafkaLog, caplog: pytest.LogCaptureFixture, way: str) -> None:
    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10)])
    reader = log.reader((INBOX,))
    found: list[str] = []

    def has(count: int) -> bool:
        found.extend(record.value for record in reader.poll(10, 0.1))
        return len(found) == count

    wait_until(lambda: has(10), PATIENCE, "all are read")
    reader._consumer = Silent(reader._consumer)  # type: ignore[assignment]  # noqa: SLF001 - the fault is inside
    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10, 20)])
    if way == "poll":
        wait_until(lambda: has(20), PATIENCE, "all are read")
    else:
        found.extend(record.value for batch in reader.catch_up() for record in batch)
    assert not reader.poll(10, 0.5)
    reader.close()
    assert sorted(map(int, found)) == list(range(20))
    assert TOLD[Silent] in caplog.text


class Wordless:
    """A producer whose broker is none any more: what it is given is not delivered."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def produce(self, topic: str, *_: object, on_delivery: Callable[[KafkaError, Any], None], **__: object) -> None:
        on_delivery(self._error, SimpleNamespace(topic=lambda: topic))

    def flush(self, seconds: float) -> int:
        return 0


def test_a_sender(log: KafkaLog) -> None:
    log.cluster.ensure(INBOX)
    log.cluster.sender._producer = Wordless(KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001 - the fault is inside
    with pytest.raises(Unavailable, match="1 records were not sent"):
        log.send([Outgoing(INBOX, "key", "lost")])
    log.send([Outgoing(INBOX, "key", "there")])
    assert [record.value for batch in log.reader((INBOX,)).catch_up() for record in batch] == ["there"]


def test_nothing_is_replaced_that_only_waits(log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    """At the end of a partition lies the mark of a transaction, which nobody is given."""
    member = log.consumer("idle", (INBOX,))
    reader = log.reader((INBOX,))
    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10)])
    deadline = time.monotonic() + 15
    found = 0
    while time.monotonic() < deadline:
        records = member.poll(10, 0.1)
        if records:
            found += len(records)
            member.commit(Transaction([Outgoing(INBOX, "key", "more")] if found <= 10 else []))
        reader.poll(10, 0.1)
    member.close()
    reader.close()
    assert found > 10
    assert "a new one takes its place" not in caplog.text
