"""What is left open of transactions: names in, nothing open under them out.

A broker of Kafka 4.3 or 4.4 that is asked to commit while a partition has no leader acknowledges it, and writes no marker there, then or
ever (KAFKA-20734): it takes the partition for deleted. A broker that is told to end is enough where a topic has one replica. The records
and offsets stay open, for all who read, until a later transaction of the same name ends them as it ends itself.
"""

import logging
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from kestra_stream.queue.kafka.clients.overdue import make_once
from kestra_stream.queue.kafka.cluster import Cluster, Place

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 2.0
_ANSWER = 5.0


def fence(cluster: Cluster, group: str, name: str, leftovers: Iterable[Place] = (), offsets: Iterable[Place] = ()) -> None:
    """End what another producer has left open, and take its place: it can write nothing more.

    Args:
        cluster: where.
        group: of the member, without the prefix.
        name: of its transactions.
        leftovers: where it may have left something that the broker takes for ended.
        offsets: of which partitions it may have left offsets so.
    """
    producer = Producer(cluster.connection.transactional(name), logger=logger)
    try:
        producer.init_transactions(_SLICE * 2)
        if leftovers:
            sweep(producer, cluster, group, leftovers, [TopicPartition(*place, 0) for place in offsets])
    except KafkaException as error:
        logger.info("the open transaction of %s was not ended: %s", name, error.args[0].str())


def sweep(producer: Any, cluster: Cluster, group: str, places: Iterable[Place], offsets: Sequence[TopicPartition]) -> None:
    """Abort a transaction that touches all of this: with it ends what is open under the producer's name; nothing else is changed.

    Args:
        producer: ready to begin a transaction.
        cluster: where.
        group: whose offsets these are, without the prefix.
        places: partitions of topics.
        offsets: of the group.

    Raises:
        KafkaException: it was not done.
    """

    def send_offsets() -> None:
        with outsider(cluster, group) as nobody:
            producer.send_offsets_to_transaction(list(offsets), nobody.consumer_group_metadata(), _SLICE)

    producer.begin_transaction()
    for topic, number in places:
        producer.produce(topic, b"", b"", number)
    if offsets:
        make_once(send_offsets, _ANSWER, "the offsets")
    if flushed(producer, _ANSWER):
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "what is left of transactions can not be reached"))  # noqa: SLF001 - a code
    producer.abort_transaction(_ANSWER)


def flushed(producer: Any, seconds: float) -> int:
    """Wait until the broker has taken what was produced; return how many records it has not.

    A producer that has ended for good says so by a SystemError without a reason (confluent-kafka 2.16); whatever it is asked next gives it.
    """
    try:
        return int(producer.flush(seconds))
    except SystemError:
        return 0


@contextmanager
def outsider(cluster: Cluster, group: str, isolation: str = "read_committed") -> Generator[Consumer, None, None]:
    """Give a client that knows a group, without the prefix, and is not in it: whoever is in it now need not know of this."""
    client = Consumer(cluster.connection.consumer(group, **{"isolation.level": isolation}), logger=logger)
    try:
        yield client
    finally:
        client.close()
