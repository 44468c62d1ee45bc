"""Transactions that end while partitions of theirs have no leader: the broker acknowledges them, and forgets to end them (KAFKA-20734)."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from threading import Event
from uuid import uuid4

import pytest
from confluent_kafka.admin import NewTopic

from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import KafkaLog
from kestra_stream.queue.kafka.clients.held import Held
from kestra_stream.queue.kafka.group.claims import Claims
from kestra_stream.queue.kafka.member import KafkaMember
from kestra_stream.queue.kafka.transactions.transactor import Transactor
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.loop import Loop
from tests.integration.queue.counting import Counting, Task
from tests.integration.queue.crowd import wait_until
from tests.services.kafka import SMALL_JVM, KafkaCluster

ONE_COPY = {
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "min.insync.replicas": "1",
}
PATIENCE = 60.0
BROKERS = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster(brokers=BROKERS, properties=ONE_COPY, jvm=SMALL_JVM) as cluster:
        log = KafkaLog(task_on(cluster, "first").connection())
        member = log.consumer("first", task_on(cluster, "first").inbox_topics())
        transactor = Transactor(
            log.cluster, "first", "first", lambda: False, Claims(log.cluster, "first", "first", lambda: None, lambda: False)
        )
        transactor.open()  # the topics of offsets and of transactions are made when somebody needs them
        wait_until(lambda: not member.poll(1, 0.1) and leader(cluster, "__consumer_offsets", 0) > 0, PATIENCE, "there are offsets")
        transactor.close()
        member.close()
        log.close()
        yield cluster


def task_on(cluster: KafkaCluster, group: str) -> Task:
    prefix = f"{uuid4().hex[:8]}-"
    client: dict[str, object] = {**cluster.broker.client, "group.protocol": "classic", "session.timeout.ms": 6000}
    return Task(client, prefix, ["in"], "out", group, "counts", partitions=1)


def leader(cluster: KafkaCluster, topic: str, number: int) -> int:
    """Return the broker that leads a partition; -1 for none."""
    found = cluster.administrator.admin().list_topics(topic, timeout=PATIENCE).topics[topic]
    return int(found.partitions[number].leader) if number in found.partitions else -1


def coordinator(cluster: KafkaCluster, topic: str, name: str) -> int:
    """Return the broker that minds a group or a transactional id, by the topic where that is noted: Java's hash of a text, in 4 partitions."""
    return leader(cluster, topic, partition_of_name(name))


def partition_of_name(name: str) -> int:
    found = 0
    for letter in name:
        found = (31 * found + ord(letter)) & 0xFFFFFFFF
    signed = found - (1 << 32) if found >> 31 else found
    return abs(signed) % 4


class Counter:
    """A loop that counts; one broker leads some of what it writes to, and does not mind its transactions.

    Args:
        lost: which of `out`, `counts` (its state) and `offsets` lie there.
    """

    def __init__(self, cluster: KafkaCluster, lost: Collection[str]) -> None:
        self._cluster = cluster
        self.task = task_on(cluster, "counting")
        minds_offsets = coordinator(cluster, "__consumer_offsets", f"{self.task.prefix}counting")
        other = minds_offsets % BROKERS + 1
        self.led_by, elsewhere = (minds_offsets, other) if "offsets" in lost else (other, minds_offsets)
        topics = [
            NewTopic(f"{self.task.prefix}{name}", num_partitions=1, replica_assignment=[[self.led_by if name in lost else elsewhere]])
            for name in ("in", "out", "counts")
        ]
        self._first_lost = ("__consumer_offsets", partition_of_name(f"{self.task.prefix}counting"))
        if lost != {"offsets"}:
            self._first_lost = (f"{self.task.prefix}{min(set(lost) - {'offsets'})}", 0)
        admin = cluster.administrator.admin()  # held: what it was asked for is given up with it
        for made in admin.create_topics(topics).values():
            made.result(PATIENCE)
        self.log = KafkaLog(self.task.connection())
        self.has_joined = Event()
        self.loop = self._loop()
        while coordinator(cluster, "__transaction_state", self.transactor.id) == self.led_by:
            self.loop.stop()
            self.loop = self._loop()
        self._run()

    def _run(self) -> None:
        self._thread = self.loop.start("counting")
        assert self.has_joined.wait(PATIENCE)

    def _loop(self) -> Loop:
        return Loop(Counting(self.task, self.has_joined.set), self.log, SystemClock(), lambda record: str(record.value).encode())

    @property
    def transactor(self) -> Transactor:
        assert isinstance(self.loop.consumer, KafkaMember)
        return self.loop.consumer._transactor  # noqa: SLF001 - the fault is inside

    def send(self, *numbers: int) -> None:
        self.log.send([Outgoing(self.task.inbox_topics()[0], "key", str(number)) for number in numbers])

    def count_without_leaders(self, patch: pytest.MonkeyPatch, *numbers: int) -> None:
        """Let the broker end between the last record of the next transaction and its commit."""
        original, committed = Transactor._again, Event()  # noqa: SLF001 - the fault is inside

        def ended_before(transactor: Transactor, producer: Held, request: Callable[[], None], action: str) -> None:
            if action == "commit" and not committed.is_set():
                self._cluster.stop(self.led_by)
                wait_until(lambda: leader(self._cluster, *self._first_lost) == -1, PATIENCE, "there is no leader")
                original(transactor, producer, request, action)
                committed.set()
            else:
                original(transactor, producer, request, action)

        with patch.context() as patched:
            patched.setattr(Transactor, "_again", ended_before)
            self.send(*numbers)
            assert committed.wait(PATIENCE)

    def check(self, count: int) -> None:
        """Each was counted once, in order, and all can be read."""
        found: list[str] = []
        reader = self.log.reader([self.task.out_topic()])
        deadline = time.monotonic() + PATIENCE
        while len(found) < count and time.monotonic() < deadline:
            found.extend(record.value for record in reader.poll(100, 0.1))
        found.extend(record.value for record in reader.poll(100, 1.0))
        reader.close()
        assert found == [f"{number}:{number + 1}" for number in range(count)]

    def end(self) -> None:
        self.loop.stop()
        self._thread.join()

    def begin_again(self) -> None:
        """As somebody else."""
        self.has_joined.clear()
        self.loop = self._loop()
        self._run()

    def close(self) -> None:
        self.end()
        self.log.close()


@contextmanager
def counter(cluster: KafkaCluster, *lost: str) -> Iterator[Counter]:
    found = Counter(cluster, set(lost))
    yield found
    found.close()


@pytest.mark.parametrize(
    "lost", [("out", "counts", "offsets"), ("out", "counts"), ("out",), ("counts",), ("offsets",), ("out", "offsets")], ids="+".join
)
def test_a_transaction_that_was_acknowledged_and_lost_is_there_in_the_end(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lost: tuple[str, ...]
) -> None:
    """Whole, also where only part of it was lost, and also when nobody sends anything after it."""
    caplog.set_level("INFO")
    with counter(cluster, *lost) as counts:
        counts.send(0, 1)
        counts.check(2)
        counts.count_without_leaders(monkeypatch, 2, 3, 4)
        cluster.start(counts.led_by)
        counts.check(5)
        counts.send(5, 6)
        counts.check(7)
        counts.end()
        counts.begin_again()
        counts.send(7)
        counts.check(8)
    assert "KAFKA-20734" in caplog.text, "the broker does what it should: nothing was tested"


def test_whoever_has_lost_its_group_meanwhile_makes_it_whole_when_its_partitions_are_back(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with counter(cluster, "offsets") as counts:
        counts.send(0, 1)
        counts.check(2)
        counts.count_without_leaders(monkeypatch, 2, 3, 4)
        wait_until(lambda: "session timed out" in caplog.text, PATIENCE, "the member has lost its group")
        cluster.start(counts.led_by)
        wait_until(lambda: "is whole now (KAFKA-20734)" in caplog.text, PATIENCE, "it is whole")
        counts.send(5, 6)
        counts.check(7)


@pytest.mark.parametrize("lost", [("out", "counts", "offsets"), ("out", "counts"), ("out",), ("counts",)], ids="+".join)
def test_what_the_dead_have_left_so_is_ended_by_whoever_comes(
    cluster: KafkaCluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, lost: tuple[str, ...]
) -> None:
    caplog.set_level("INFO")
    with counter(cluster, *lost) as counts:
        counts.send(0, 1)
        counts.check(2)
        counts.count_without_leaders(monkeypatch, 2, 3, 4)
        with monkeypatch.context() as patch:
            patch.setattr(Transactor, "is_settled", lambda *_: False)  # it lets go of nothing, as the dead
            counts.end()
        cluster.start(counts.led_by)
        counts.begin_again()
        counts.check(5)
    assert "what a member of counting that is gone has left there" in caplog.text, "the broker does what it should: nothing was tested"
