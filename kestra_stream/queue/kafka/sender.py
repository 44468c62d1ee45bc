"""Sends records outside of transactions: encoded records in, back once the broker has acknowledged them all."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer

from kestra_stream.errors import KestraError, NotAllowed, Unavailable
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.errors import GONE, Needs, told
from kestra_stream.queue.kafka.partitioner import partition_of

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 0.5
_MOMENT = 0.02
PartitionCount = Callable[[str], int]
Heard = Callable[[float, float, float], None]
"""Told when the broker took a record, in seconds since 1970, and between which moments of our monotonic clock."""


def unheard(taken: float, asked: float, answered: float) -> None:
    """Nobody compares clocks."""


def produce(producer: Any, record: Encoded, count: PartitionCount, on_delivery: Callable[[Any, Any], None] | None = None) -> int:
    """Hand a record to a producer, wait while its queue is full, return the partition. Raises Invalid for a record that no broker takes."""
    partition = record.partition
    if partition is None:
        partition = partition_of(record.key or b"", count(record.topic))
    more = {} if on_delivery is None else {"on_delivery": on_delivery}
    while True:
        try:
            producer.produce(record.topic, record.value, record.key, partition, headers=list(record.headers), **more)
        except BufferError:
            producer.poll(_SLICE)
        except KafkaException as error:
            size = len(record.value or b"")
            needs = Needs(record.topic, "Write")
            raise told(error.args[0], f"a record of {size} bytes can not be sent to {record.topic}", needs) from error
        else:
            return partition


class Sender:
    """An idempotent producer that all threads share. Thread-safe.

    Args:
        properties: of the producer.
        count: how many partitions a topic has.
        forget: called when a topic is not there, or smaller: the counts are old.
        heard: told the broker's time, once for each call of `send`.
    """

    def __init__(self, properties: Mapping[str, Any], count: PartitionCount, forget: Callable[[], None], heard: Heard = unheard) -> None:
        self._properties = properties
        self._count = count
        self._forget = forget
        self._heard = heard
        self._lock = Lock()
        self._producer: Any = None
        self._open()  # a new producer takes half a second to get its number: that passes while others are still busy

    def send(self, records: Sequence[Encoded]) -> None:
        """Send records; returns once all are durable.

        Raises:
            Unavailable: the broker did not take them in time; some may be there all the same.
            Invalid: a record that no broker takes.
        """
        if not records:
            return
        undelivered = self._undelivered(records)
        if undelivered:
            raise _told(*undelivered[0], len(undelivered))

    def _undelivered(self, records: Sequence[Encoded]) -> Sequence[tuple[KafkaError, str]]:
        """Send records; return why some are not there, and on which topics."""
        answers: list[tuple[KafkaError | None, str]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None and not answers:
                self._compare_clocks(message, asked)
            answers.append((error, str(message.topic())))

        producer, asked = self._open(), time.monotonic()
        for sent, record in enumerate(records):
            try:
                produce(producer, record, self._count, delivered)
            except Unavailable:
                self._forget()
                self._settle(producer, answers, sent)
                raise
        self._settle(producer, answers, len(records))
        undelivered = [(error, topic) for error, topic in answers if error is not None]
        if undelivered:
            self._failed(producer, undelivered[0][0])
        return undelivered

    def _settle(self, producer: Any, answers: Sequence[object], count: int) -> None:
        while len(answers) < count:
            producer.flush(_MOMENT)  # it waits for the records of other threads too: not for long

    def _compare_clocks(self, message: Message, asked: float) -> None:
        kind, taken = message.timestamp()
        if kind == TIMESTAMP_LOG_APPEND_TIME:
            self._heard(taken / 1000, asked, time.monotonic())

    def close(self) -> None:
        """Give up what is not sent yet."""
        with self._lock:
            if self._producer is not None:
                self._producer.purge()
                self._producer.flush(_SLICE)

    def _open(self) -> Any:
        with self._lock:
            if self._producer is None:
                self._producer = Producer(dict(self._properties), logger=logger)
            return self._producer

    def _failed(self, producer: Any, error: KafkaError) -> None:
        if error.code() in GONE:
            self._forget()
        with self._lock:
            # an idempotent producer that has lost its place can not go on, and one that has lost its broker may wait for it for ever
            if (error.fatal() or error.code() == KafkaError._MSG_TIMED_OUT) and self._producer is producer:  # noqa: SLF001 - a code
                self._producer = None


def _told(error: KafkaError, topic: str, count: int) -> KestraError:
    reason = told(error, f"{count} records were not sent", Needs(topic, "Write"))
    if error.fatal() and not isinstance(reason, NotAllowed):
        return Unavailable(f"{count} records were not sent: {error.str()}")
    return reason
