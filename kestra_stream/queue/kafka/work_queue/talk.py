"""The workers' own topic: what one says, all others of its partition read, and those that it is meant for take in.

A worker reads the one partition that its name falls into, from the end and without a group; the key of a record names the receiver, so
that what is meant for another one is passed over unread.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Event, Thread
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from kestra_stream.models.messages import HandOver, WorkerTalk
from kestra_stream.queue.interface import Headers, Unreadable
from kestra_stream.queue.kafka.clients.standstill import Standstill, abandon
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.errors import Needs, forbidden, told
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.queue.kafka.reader import at_once
from kestra_stream.queue.kafka.work_queue.exchange import EVERYONE
from kestra_stream.queue.serde import HEADERS, decode, to_bytes
from kestra_stream.topics import WORKER_TALK

logger = logging.getLogger("kestra_stream.kafka.client")

_POLL_SECONDS = 0.1
_BATCH = 500
BRIEF: Mapping[str, Any] = {"fetch.queue.backoff.ms": 10, "queued.max.messages.kbytes": 16_384}
"""Of consumers that read little ahead, and again as soon as there is room."""
_MOUTH: Mapping[str, Any] = {"acks": "1", "enable.idempotence": False, "linger.ms": 0, "message.timeout.ms": 5_000}
_PATIENCE = 10.0
# A job that is written as text takes a third more: one that just fits into a message travels beside it, as it is.
_LARGE = 100_000
_PAYLOAD = "job"


class Talk:
    """One worker's mouth and ear.

    Args:
        cluster: where the topic is.
        topic: the workers' topic, by its name on the broker.
        member, group: who this is.
        hear: takes in what is said to this worker or to all of its group.
        each_round: called at least every tenth of a second, in the ear's thread, with the moment at which the round began.
    """

    def __init__(
        self,
        cluster: Cluster,
        topic: str,
        member: str,
        group: str | None,
        hear: Callable[[WorkerTalk], None],
        each_round: Callable[[float], None],
    ) -> None:
        self._topic = topic
        self._member = member.encode()
        self._everyone = f"{EVERYONE}{group or ''}".encode()
        self._hear = hear
        self._each_round = each_round
        self._topic_needs = {name: Needs(topic, name) for name in ("Read", "Write")}
        more = {"error_cb": _note, "delivery.report.only.error": True, "on_delivery": self._undelivered}
        self._mouth = {**cluster.connection.producer(), **_MOUTH, **more}
        self._ear = {**cluster.connection.consumer(f"{topic}-{member}", BRIEF), "error_cb": _note}
        self._producer, self._is_mute = Producer(self._mouth, logger=logger), False
        self._consumer = Consumer(self._ear, logger=logger)
        self._standstill = Standstill(cluster.open_ends)
        self._places: Sequence[Place] = ()
        self._partitions = 0
        self._stopped = Event()
        self._thread = Thread(target=self._listen, name=f"work-queue-{member}-talk", daemon=True)

    @property
    def is_deaf(self) -> bool:
        """Whether listening has ended by an error: who does not listen never hears that its jobs were taken."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stopped.is_set()

    def start(self) -> None:
        """Listen from now on."""
        self._thread.start()

    def say(self, receiver: str, talk: WorkerTalk) -> None:
        """Send to a worker, or to EVERYONE of the group; what cannot be sent now is dropped."""
        if not self._partitions:
            return
        more: list[tuple[str, bytes]] = []
        if isinstance(talk, HandOver) and talk.payload is not None and len(talk.payload) > _LARGE:
            more, talk = [(_PAYLOAD, talk.payload)], replace(talk, payload=None)
        payload = to_bytes(talk)
        if receiver == EVERYONE:
            for partition in range(self._partitions):
                self._produce(self._everyone, payload, partition)
        else:
            self._produce(receiver.encode(), payload, self._place(receiver.encode()), more)

    def close(self) -> None:
        """Send what is to be sent, and stop."""
        self._producer.flush(_PATIENCE)
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._consumer.close()

    def _place(self, receiver: bytes) -> int:
        return partition_of(receiver, self._partitions)

    def _produce(self, key: bytes, payload: bytes, partition: int, more: Sequence[tuple[str, bytes]] = ()) -> None:
        try:
            self._producer.produce(self._topic, payload, key, partition, headers=[*HEADERS, *more])
        except (BufferError, KafkaException) as error:
            logger.debug("A message to other workers is dropped: %s", error)

    def _undelivered(self, error: KafkaError | None, message: object) -> None:
        """What was said is lost, which does no harm; that nothing may be said is worth a line."""
        del message
        self._is_mute = self._is_mute or (error is not None and error.code() == KafkaError._MSG_TIMED_OUT)  # noqa: SLF001 - a code
        self._tell("Write", error)

    def _tell(self, operation: str, error: KafkaError | None) -> None:
        if error is not None and forbidden(error) is not None:
            logger.warning("%s", told(error, "jobs can not be handed on to other workers", self._topic_needs[operation]))

    def _listen(self) -> None:
        while not self._stopped.is_set():
            if self._partitions:
                self._round()
            else:
                self._find_place()

    def _round(self) -> None:
        now = time.monotonic()
        messages = at_once(self._consumer, _BATCH + 1, _POLL_SECONDS)
        if messages:
            self._standstill.heard(messages)
        for message in messages:
            self._take_in(message)
        if len(messages) <= _BATCH:  # else there may be more that was said before now
            self._each_round(now)
        self._producer.poll(0)
        self._watch()

    def _watch(self) -> None:
        """Replace clients that have lost their broker; what was said meanwhile is lost, which does no harm."""
        if self._is_mute:
            self._producer, self._is_mute = Producer(self._mouth, logger=logger), False
        if self._standstill.stands(self._places):
            abandon(self._consumer)
            self._consumer, self._partitions = Consumer(self._ear, logger=logger), 0

    def _find_place(self) -> None:
        """Read the own partition from where its end is now: what is said from here on arrives."""
        try:
            found = self._consumer.list_topics(self._topic, _PATIENCE).topics.get(self._topic)
            count = 0 if found is None or found.error is not None else len(found.partitions)
            if count:
                place = partition_of(self._member, count)
                _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, place), _PATIENCE)
                self._consumer.assign([TopicPartition(self._topic, place, end)])
                self._places = [(self._topic, place)]
                self._partitions = count
                return
            why: object = "it is not there"
        except KafkaException as error:
            why = error
        logger.warning("Jobs can not be handed on yet: topic %s: %s", self._topic, why)
        self._stopped.wait(1.0)

    def _take_in(self, message: Message) -> None:
        if message.error() is not None:
            self._tell("Read", message.error())
        elif message.key() in {self._member, self._everyone}:
            self._take_to_heart(message)

    def _take_to_heart(self, message: Message) -> None:
        headers = cast("Headers", message.headers() or ())
        _, talk = decode(WORKER_TALK, message.value(), message.key(), headers)
        if isinstance(talk, Unreadable):
            logger.warning("A message to this worker is passed over: %s", talk.error)
            return
        if isinstance(talk, HandOver):
            talk = replace(talk, payload=next((value for name, value in headers if name == _PAYLOAD), talk.payload))
        self._hear(talk)


def _note(error: object) -> None:
    logger.debug("The workers' topic: %s", error)
