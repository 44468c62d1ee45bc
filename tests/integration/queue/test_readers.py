"""Readers of a topic whose partitions become more while they read."""

from collections.abc import Callable, Iterator
from functools import partial
from uuid import uuid4

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.queue.interface import Consumer, Log, Outgoing, Raw, Reader, Start
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.topics import Cleanup, Topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import Broker

KEY = next(key for key in map(str, range(1_000)) if partition_of(key.encode(), 3) == 2)
Open = Callable[[Log, Topic], Reader | Consumer]
OPENED: dict[str, Open] = {
    "oldest": lambda log, topic: log.reader((topic,)),
    "newest": lambda log, topic: log.reader((topic,), Start.NEWEST),
    "of one key": lambda log, topic: log.reader((topic,), key=KEY),
    "a table": lambda log, topic: log.consumer("", (topic,)),
    "ephemeral": lambda log, topic: log.consumer("~one", (topic,)),
}


@pytest.fixture
def topic() -> Topic:
    return Topic(f"growing-{uuid4().hex[:8]}", "any", str, Cleanup.DELETE, "a test", "a test", partitions=1)


@pytest.fixture
def logs(kafka: Broker, prefix: str) -> Iterator[tuple[KafkaLog, KafkaLog]]:
    """Those of two processes."""
    one, other = (KafkaLog(Connection(kafka.client, prefix=prefix, creates=True)) for _ in range(2))
    yield one, other
    one.close()
    other.close()


def is_sent(log: Log, topic: Topic, number: int) -> bool:
    """Try to send to a partition; a client may not have heard of it for a moment."""
    try:
        log.send([Outgoing(topic, KEY, Raw(f'"after {number}"'.encode(), KEY.encode(), partition=number))])
    except Unavailable:
        return False
    return True


def test_readers_see_partitions_that_are_added_while_they_read(
    kafka: Broker, prefix: str, logs: tuple[KafkaLog, KafkaLog], topic: Topic
) -> None:
    log, other = logs
    log.send([Outgoing(topic, KEY, "before")])
    readers = {how: opened(log, topic) for how, opened in OPENED.items()}
    kafka.grow_topic(f"{prefix}{topic.name}", 3)
    for number in (0, 2):
        wait_until(partial(is_sent, other, topic, number), 60, f"partition {number} is known to who sends")
    found: dict[str, list[str]] = {how: [] for how in readers}

    def has_seen(how: str) -> bool:
        found[how].extend(record.value for record in readers[how].poll(10, 0.1))
        return {"after 0", "after 2"} <= set(found[how])

    for how, reader in readers.items():
        wait_until(partial(has_seen, how), 60, f"what was sent to the new partition, by the reader `{how}`")
        assert len(found[how]) == len(set(found[how])), "nothing comes twice"
        reader.close()


def test_a_reader_that_catches_up_sees_them_at_once(kafka: Broker, prefix: str, logs: tuple[KafkaLog, KafkaLog], topic: Topic) -> None:
    log, other = logs
    log.send([Outgoing(topic, KEY, "before")])
    reader = log.reader((topic,))
    kafka.grow_topic(f"{prefix}{topic.name}", 3)
    other.send([Outgoing(topic, KEY, "after")])
    assert sorted(record.value for batch in reader.catch_up() for record in batch) == ["after", "before"]
    reader.close()
