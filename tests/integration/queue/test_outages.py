"""The broker is restarted and away, refuses records and rights: what passes is waited for, what does not is said."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.queue.interface import Consumer, Outgoing, Transaction
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.testing.contracts.wire import Listener, Wire
from kestra_stream.topics import Topic
from tests.integration.queue.crowd import KEYS, crowd, wait_until
from tests.services.broker import Broker
from tests.services.kafka import SMALL_JVM, KafkaCluster

CLASSIC = {"group.protocol": "classic", "session.timeout.ms": 6000}


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


def test_a_broker_that_restarts_in_the_middle_of_commits_costs_and_doubles_nothing(cluster: KafkaCluster, tmp_path: Path) -> None:
    with crowd(cluster.broker, tmp_path, None, 2, **CLASSIC) as counted:
        for _ in range(2):
            counted.start().wait_for("joined")
        with counted.sending(300):
            for rounds in (50, 150):
                wait_until(partial(counted.has_sent, rounds), 60, "some records")
                cluster.restart()
        counted.check()
        assert all(counter.process.poll() is None for counter in counted.counters)


def test_a_broker_that_is_away_is_waited_for_without_haste(cluster: KafkaCluster, tmp_path: Path) -> None:
    """Thirty seconds without a broker: it is not asked again and again, and memory does not grow."""
    with crowd(cluster.broker, tmp_path, None, 1, **CLASSIC) as counted:
        counter = counted.start()
        counter.wait_for("joined")
        counted.send(20)
        counted.answers(20 * len(KEYS))
        counted.send(20)
        cluster.stop()
        cpu, memory = counter.cpu(), counter.memory()
        Event().wait(30)
        used, grown = counter.cpu() - cpu, counter.memory() - memory
        cluster.start()
        counted.send(20)
        counted.check()
        assert used < 6, f"{used} s of CPU in 30 s"
        assert grown < 50_000_000


def test_a_process_leaves_at_once_while_the_broker_is_away(cluster: KafkaCluster, tmp_path: Path) -> None:
    with crowd(cluster.broker, tmp_path, None, 1, **CLASSIC) as counted:
        counter = counted.start()
        counter.wait_for("joined")
        cluster.stop()
        try:
            counter.signal(signal.SIGTERM)
            assert counter.ended(30) == 0
        finally:
            cluster.start()


@pytest.fixture
def wire(kafka: Broker, prefix: str) -> Iterator[Wire]:
    log = KafkaLog(Connection({**kafka.client, **CLASSIC}, prefix=prefix, creates=True))
    wire = Wire(log, 60)
    yield wire
    wire.close()
    log.close()


def member(wire: Wire, *topics: Topic) -> tuple[Consumer, Listener]:
    listener = Listener()
    consumer = wire.join(f"group-{uuid4().hex}", *topics, listener=listener)
    wire.settle({consumer: listener}, sum(topic.partitions for topic in topics))
    return consumer, listener


def test_a_record_that_the_broker_refuses_is_invalid_and_its_batch_leaves_nothing(wire: Wire, kafka: Broker, prefix: str) -> None:
    inbox, out = wire.topic(), wire.topic(1)
    wire.log.send([Outgoing(out, "a", "first")])
    kafka.configure_topic(f"{prefix}{out.name}", {"max.message.bytes": "20000"})
    consumer, _ = member(wire, inbox)
    wire.send(inbox, ("a", "1"))
    wire.read(consumer, 1)

    def is_refused() -> bool:
        try:
            consumer.commit(Transaction([Outgoing(out, "a", "small"), Outgoing(inbox, "b", "other"), Outgoing(out, "a", "x" * 100_000)]))
        except Invalid as error:
            assert "max.message.bytes" in str(error)
            return True
        raise AssertionError("it was taken")

    assert is_refused()
    consumer.commit(Transaction([Outgoing(out, "a", "second")]))
    assert wire.values(wire.log.reader([out]), 2) == ["first", "second"]


def test_small_records_pass_a_topic_whose_pieces_are_small(kafka: Broker, prefix: str) -> None:
    log = KafkaLog(Connection({**kafka.client, **CLASSIC}, prefix=prefix, creates=True, message_bytes=10_000))
    wire = Wire(log, 60)
    inbox, out = wire.topic(1), wire.topic(1)
    wire.log.send([Outgoing(out, "a", "first")])
    kafka.configure_topic(f"{prefix}{out.name}", {"max.message.bytes": "12000"})
    consumer, _ = member(wire, inbox)
    records = [Outgoing(out, "a", "x" * 900) for _ in range(200)]
    consumer.commit(Transaction(records))
    wire.log.send(records)
    wire.read(wire.log.reader([out]), 401)
    wire.close()
    log.close()


def test_the_end_of_a_topic_whose_leader_has_just_died_is_never_told_too_low() -> None:
    """The client tells an offset that is none, and no error: whoever restored state up to there had none."""
    with KafkaCluster(brokers=3, jvm=SMALL_JVM) as cluster:
        log = KafkaLog(Connection({**cluster.broker.client, **CLASSIC}, prefix="ends-", creates=True, replication_factor=3))
        wire = Wire(log, 60)
        topic = wire.topic(6)
        log.send([Outgoing(topic, f"key-{number}", "x") for number in range(60)])
        name = log.cluster.ensure(topic)
        places = [(name, number) for number in range(6)]
        before = log.cluster.ends(places)
        assert sum(before.values()) == 60
        cluster.kill(1)
        assert log.cluster.ends(places) == before
        wire.close()
        log.close()
