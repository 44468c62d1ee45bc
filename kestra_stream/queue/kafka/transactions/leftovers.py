"""What is left open of transactions: names in, nothing open under them out.

A broker of Kafka 4.3 or 4.4 that is asked to end a transaction while a partition has no leader acknowledges it, and writes no marker there,
then or ever (KAFKA-20734): it takes the partition for deleted. A broker that is told to end is enough where a topic has one replica. What
was written there stays open, for all who read, until a later transaction of the same name ends it as it ends itself. Partitions lose their
leaders one after the other, so a transaction may have ended in some of its partitions, its offsets among them or not, and not in others.
"""

import logging
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from kestra_stream.queue.kafka.clients.overdue import make_once
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.encoding import FILLER_HEADERS

logger = logging.getLogger("kestra_stream.kafka.client")

_MOMENT = 0.5
_SLICE = 2.0
_ANSWER = 5.0
_ENDING = 10.0

Leftovers = Literal["unknown", "committed", "aborted"]
"""How the broker has ended that of which something may be open still; unknown: only what is under way is ended."""


def fence(cluster: Cluster, group: str, name: str, leftovers: Leftovers = "unknown", offsets: Iterable[Place] = ()) -> None:
    """End what another producer has left open, and take its place: it can write nothing more.

    Args:
        cluster: where.
        group: of the member, without the prefix.
        name: of its transactions.
        leftovers: also what the broker takes for ended and is not, on all topics: nobody knows where.
        offsets: of which partitions it may have left offsets so.
    """
    producer = Producer(cluster.connection.transactional(name), logger=logger)
    try:
        producer.init_transactions(_SLICE * 2)
        if leftovers != "unknown":
            _end_leftovers(producer, cluster, group, [TopicPartition(*place, 0) for place in offsets], leftovers)
    except KafkaException as error:
        logger.info("the open transaction of %s was not ended: %s", name, error.args[0].str())


def _end_leftovers(producer: Any, cluster: Cluster, group: str, offsets: Sequence[TopicPartition], leftovers: Leftovers) -> None:
    places = cluster.open_ends.among(cluster.writable(), _MOMENT)
    if places:
        names = ", ".join(f"{topic}/{number}" for topic, number in sorted(places))
        logger.info("%s: what a member of %s that is gone has left there counts as %s", names, group, leftovers)
    if leftovers == "aborted":
        abort_leftovers(producer, cluster, group, places, offsets)
    elif places:
        commit_leftovers(producer, places)


def commit_leftovers(producer: Any, places: Iterable[Place], offsets: Sequence[TopicPartition] = (), member: Any = None) -> None:
    """Commit what is open under a producer's name in these partitions, by a transaction that says nothing.

    Args:
        producer: ready to begin a transaction.
        places: partitions of topics.
        offsets: of the group, to commit with it.
        member: the group's metadata, if there are offsets.

    Raises:
        KafkaException: it was not done.
    """
    _write_fillers(producer, places)
    if offsets:
        make_once(lambda: producer.send_offsets_to_transaction(list(offsets), member, _SLICE), _ANSWER, "the offsets")
    _flush(producer)
    deadline = time.monotonic() + _ENDING
    while True:
        try:
            producer.commit_transaction(_SLICE)
        except KafkaException as error:
            # whoever gives up here has what is open aborted by the next one of its name
            if not error.args[0].retriable() or error.args[0].txn_requires_abort() or time.monotonic() > deadline:
                raise
        else:
            return


def abort_leftovers(producer: Any, cluster: Cluster, group: str, places: Iterable[Place], offsets: Sequence[TopicPartition]) -> None:
    """Abort what is open under a producer's name in these partitions, and of these offsets of the group; nothing else is changed.

    Raises:
        KafkaException: it was not done.
    """

    def send_offsets() -> None:
        with outsider(cluster, group) as nobody:
            producer.send_offsets_to_transaction(list(offsets), nobody.consumer_group_metadata(), _SLICE)

    _write_fillers(producer, places)
    if offsets:
        make_once(send_offsets, _ANSWER, "the offsets")
    _flush(producer)
    producer.abort_transaction(_ANSWER)


def _write_fillers(producer: Any, places: Iterable[Place]) -> None:
    producer.begin_transaction()
    for topic, number in places:
        producer.produce(topic, None, b"", number, headers=FILLER_HEADERS)


def _flush(producer: Any) -> None:
    if flushed(producer, _ANSWER):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "what is left of transactions can not be reached"))  # noqa: SLF001 - a code


def flushed(producer: Any, seconds: float) -> int:
    """Wait until the broker has taken what was produced; return how many records it has not.

    A producer that has ended for good says so by a SystemError without a reason (confluent-kafka 2.16); whatever it is asked next gives it.
    """
    try:
        return int(producer.flush(seconds))
    except SystemError:
        return 0


@contextmanager
def outsider(cluster: Cluster, group: str) -> Generator[Consumer, None, None]:
    """Give a client that knows a group, without the prefix, and is not in it: whoever is in it now need not know of this.

    It is told what is committed by now, also while there are offsets whose transaction is open.
    """
    client = Consumer(cluster.connection.consumer(group, **{"isolation.level": "read_uncommitted"}), logger=logger)
    try:
        yield client
    finally:
        client.close()
