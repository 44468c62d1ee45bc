"""Clients that do not find their group again after a broker was away: their members come back with new ones, and nothing is lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue
from kestra_stream.queue.kafka.group.vigil import Vigil
from kestra_stream.queue.kafka.member import KafkaMember
from kestra_stream.topics import WORKER_JOB, WORKER_TALK, Cleanup, Topic, job_topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import Broker

PATIENCE = 60.0
INBOX = Topic("inbox", "any", str, Cleanup.DELETE, "a test", "a test", partitions=2)


@pytest.fixture
def log(kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaLog]:
    monkeypatch.setattr(Vigil.__init__, "__defaults__", (1.0,))
    log = KafkaLog(Connection({**kafka.client, "group.protocol": "classic"}, prefix=prefix, creates=True))
    yield log
    log.close()


class Astray:
    """A client that waits for a coordinator which is none any more: it is polled, gives nothing, and may never be closed."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._consumer, name)

    def memberid(self) -> str:
        return ""

    def poll(self, timeout: float) -> None:
        self._consumer.consume(0, 0.0)

    def consume(self, most: int, timeout: float) -> list[Any]:
        return []


def test_a_member(log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
    member = log.consumer("astray", (INBOX,))
    assert isinstance(member, KafkaMember)
    found: list[str] = []

    def has(count: int) -> bool:
        found.extend(record.value for record in member.poll(10, 0.1))
        return len(set(found)) == count

    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10)])
    wait_until(lambda: has(10), PATIENCE, "all are read")
    member._client.consumer = Astray(member._client.consumer)  # noqa: SLF001 - the fault is inside
    log.send([Outgoing(INBOX, str(number), str(number)) for number in range(10, 20)])
    wait_until(lambda: has(20), PATIENCE, "all are read")
    member.close()
    assert "does not find its group" in caplog.text


def test_a_work_queue(log: KafkaLog, caplog: pytest.LogCaptureFixture) -> None:
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
        owner._consumer = Astray(owner._consumer)  # type: ignore[assignment]  # noqa: SLF001 - as above
        send(*range(10, 20))
        wait_until(lambda: take(20), PATIENCE, "all jobs are taken")
    finally:
        queue.close()
    assert sorted(map(int, taken)) == list(range(20))
    assert "does not find its group" in caplog.text
