"""Records that say nothing, written to end what a broker has left open: whoever reads passes over them."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from confluent_kafka import Producer

from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Outgoing, Reader
from kestra_stream.queue.kafka import KafkaLog, KafkaWorkQueue
from kestra_stream.queue.kafka.transactions.leftovers import commit_leftovers
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.loop import Loop
from kestra_stream.topics import WORKER_JOB, WORKER_TALK, Topic, job_topic
from tests.integration.queue.counting import Counting, Task
from tests.integration.queue.crowd import wait_until
from tests.services.broker import Broker

PATIENCE = 60.0
PARTITIONS = 2


@pytest.fixture
def task(kafka: Broker, prefix: str) -> Task:
    client: dict[str, object] = {**kafka.client, "group.protocol": "classic"}
    return Task(client, prefix, ["in"], "out", "counting", "counts", PARTITIONS)


@pytest.fixture
def log(task: Task) -> Iterator[KafkaLog]:
    log = KafkaLog(task.connection())
    yield log
    log.close()


def fill(log: KafkaLog, *topics: Topic) -> None:
    """Write one that says nothing to each partition."""
    producer = Producer(log.cluster.connection.transactional("filling"))
    producer.init_transactions(PATIENCE)
    names = [log.cluster.ensure(topic) for topic in topics]
    commit_leftovers(producer, [(name, number) for name in names for number in range(log.cluster.partitions(name))])


def send(log: KafkaLog, task: Task, *values: int) -> None:
    log.send([Outgoing(task.inbox_topics()[0], f"key-{value % 5}", str(value)) for value in values])


def has_counted(reader: Reader, found: list[str], count: int) -> bool:
    found.extend(record.value for record in reader.poll(100, 0.1))
    return len(found) == count


@pytest.mark.parametrize("kept", ["in memory", "on disk"])
def test_members_readers_and_their_state(log: KafkaLog, task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture, kept: str) -> None:
    """Ten records of five keys are counted by two members, one after the other."""
    topics = (*task.inbox_topics(), task.out_topic(), task.state_topic())
    folder = str(tmp_path) if kept == "on disk" else None
    fill(log, *topics)
    for part in (range(5), range(5, 10)):
        joined = Event()
        own = KafkaLog(Task(task.client, task.prefix, task.inboxes, task.out, task.group, task.state, PARTITIONS, folder).connection())
        loop = Loop(Counting(task, joined.set), own, SystemClock(), lambda record: str(record.value).encode())
        thread = loop.start("counting")
        assert joined.wait(PATIENCE)
        send(log, task, *part)
        fill(log, *topics)
        reader = log.reader([task.out_topic()])
        found: list[str] = []
        wait_until(partial(has_counted, reader, found, part.stop), PATIENCE, f"{part.stop} are counted")
        fill(log, *topics)
        loop.stop()
        thread.join()
        own.close()
        reader.close()
        assert loop.dead_letters == 0
    expected = [f"{value}:{value // 5 + 1}" for value in range(10)]
    assert sorted(found, key=lambda text: int(text.split(":")[0])) == expected
    for key in (None, "key-1"):
        read = [record.value for batch in log.reader([task.out_topic()], key=key).catch_up() for record in batch]
        assert sorted(read) == sorted(text for text in expected if key is None or text.startswith(("1:", "6:")))
    assert "none of ours" not in caplog.text


def test_a_work_queue(log: KafkaLog) -> None:
    topic = job_topic("gpu")
    log.cluster.ensure(topic, PARTITIONS)
    log.cluster.ensure(WORKER_TALK, PARTITIONS)
    queue = KafkaWorkQueue(log.cluster, "gpu")
    taken: list[str] = []

    def take() -> bool:
        leases = queue.take(10, 0.1)
        taken.extend(lease.job.lookup_id for lease in leases)
        return all(queue.accept(lease) for lease in leases) and len(taken) >= 20

    try:
        for first in (0, 10):
            names = [str(number) for number in range(first, first + 10)]
            jobs = [LookupJob(name, "a.namespace", "flow", 1, name, (), worker_group="gpu") for name in names]
            fill(log, topic)
            log.send([Outgoing(WORKER_JOB, job.lookup_id, job) for job in jobs])
        fill(log, topic)
        wait_until(take, PATIENCE, "all jobs are taken")
        assert not queue.take(10, 1.0)
    finally:
        queue.close()
    assert sorted(taken, key=int) == [str(number) for number in range(20)]
