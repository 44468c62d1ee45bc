"""Reads partitions on its own account: no group, no commit. Also what the port calls a reader without a group, or an ephemeral one."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from threading import Event, Lock
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from kestra_stream.errors import KestraError, Unavailable
from kestra_stream.queue.interface import Record, Start, Transaction
from kestra_stream.queue.kafka.clients.standstill import Standstill, abandon
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.errors import Needs, ended, told
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.topics import Topic

logger = logging.getLogger("kestra_stream.kafka.client")

_SLICE = 0.25
_BATCH = 2_000
_PATIENCE = 60.0
_LOOK = 10.0
_ANSWER = 1.0


def at_once(consumer: Any, most: int, timeout: float) -> list[Any]:
    """Wait for a message, and take what has come with it: `consume` alone would wait for all of them, or the whole time."""
    first = consumer.poll(timeout)
    if first is None:
        return []
    return [first, *(consumer.consume(most - 1, 0.0) if most > 1 else ())]


class KafkaReader:
    """Fulfils the ports `Reader` and, for whoever is in no group, `Consumer`. Not thread-safe, but for `wake` and `close`."""

    def __init__(self, cluster: Cluster, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> None:
        self._cluster = cluster
        self._key = key
        self._topics = {cluster.ensure(topic): topic for topic in topics}
        self._woken = Event()
        # whoever closes it may be another than the one who polls: the client library does not survive both at once
        self._in_use = Lock()
        self._closed = False
        self._positions: dict[Place, int] = {}
        self._held: list[Any] = []
        self._reached: dict[Place, int] = {}
        self._configuration = cluster.connection.consumer(f"reader-{uuid4().hex}")
        self._group = str(self._configuration["group.id"])
        self._consumer = Consumer(self._configuration, logger=logger)
        self._standstill = Standstill(cluster.open_ends)
        cluster.opened(self)
        self._places = [place for name in self._topics for place in self._places_of(name, cluster.partitions(name))]
        self._next_look = time.monotonic() + _LOOK
        beginning = self._beginning(self._places, start)
        self._begun = {(place.topic, place.partition): place.offset for place in beginning}
        self._consumer.assign(beginning)

    def _places_of(self, name: str, count: int) -> list[Place]:
        return [(name, number) for number in (range(count) if self._key is None else (partition_of(self._key.encode(), count),))]

    def _look(self) -> None:
        """Read partitions that were added meanwhile from their beginning: all that they hold was sent after this reader was opened."""
        self._next_look = time.monotonic() + _LOOK
        found = [
            place for name in self._topics if (count := self._cluster.size_now(name, _ANSWER)) for place in self._places_of(name, count)
        ]
        if added := [place for place in found if place not in self._places]:
            logger.info("partitions were added, and are read as well: %s", ", ".join(f"{name}/{number}" for name, number in added))
            self._places += added
            self._begun |= dict.fromkeys(added, 0)
            with self._in_use:
                if not self._closed:
                    self._consumer.incremental_assign([TopicPartition(*place, 0) for place in added])

    def _beginning(self, places: Sequence[Place], start: Start | datetime) -> list[TopicPartition]:
        if start is Start.OLDEST:
            return [TopicPartition(*place, first) for place, first in self._cluster.beginnings(places).items()]
        ends = self._cluster.ends(places)
        if start is Start.NEWEST:
            return [TopicPartition(*place, end) for place, end in ends.items()]
        moment = int(start.timestamp() * 1000)
        try:
            found = self._consumer.offsets_for_times([TopicPartition(*place, moment) for place in places], _PATIENCE)
        except KafkaException as error:
            raise told(error.args[0], "the beginning is not known") from error
        for place in found:
            if place.error is not None:
                raise told(place.error, f"the beginning of {place.topic}/{place.partition} is not known")
        # there is nothing so late yet: what comes from now on
        return [
            TopicPartition(place.topic, place.partition, ends[place.topic, place.partition] if place.offset == OFFSET_END else place.offset)
            for place in found
        ]

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records`; wait at most `timeout` seconds for the first."""
        deadline = time.monotonic() + timeout
        while not (self._closed or self._cluster.closed.is_set()):
            if time.monotonic() > self._next_look:
                self._look()
            left = deadline - time.monotonic()
            messages = self._fetched(max_records, min(_SLICE, max(left, 0.0)))
            records = self._taken(messages)
            if records or self._woken.is_set() or (left <= 0 and not messages):
                self._woken.clear()
                return records
        return ()

    def _fetched(self, most: int, timeout: float) -> Sequence[Any]:
        if self._standstill.stands(self._places):
            self._begin_anew()
        with self._in_use:
            messages = () if self._closed else at_once(self._consumer, most, timeout)
        if messages:
            self._standstill.heard(messages)
        return messages

    def _begin_anew(self) -> None:
        """Go on with another client from where this one was."""
        places = self._begun | self._positions | self._reached
        with self._in_use:
            if not self._closed:
                abandon(self._consumer)
                self._consumer = Consumer(self._configuration, logger=logger)
                self._consumer.assign([TopicPartition(*place, offset) for place, offset in places.items()])

    def _taken(self, messages: Sequence[Any]) -> list[Record]:
        """Decode what has come, and what could not be decoded before, because its value lies in a storage that was away."""
        troubles = [trouble for message in messages if (trouble := self._noted(message)) is not None]
        if troubles:
            raise troubles[0]  # what came with it is kept
        records = self._cluster.encoding.records(self._topics, self._held)
        self._positions.update(self._reached)
        self._held, self._reached = [], {}
        return records if self._key is None else [record for record in records if record.key == self._key]

    def _noted(self, message: Any) -> KestraError | None:
        """Keep a record; return what is wrong where an error came in its place that does not pass by itself."""
        error: KafkaError | None = message.error()
        if error is None:
            self._reached[message.topic(), message.partition()] = message.offset() + 1
            self._held.append(message)
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its public name
            self._reached[message.topic(), message.partition()] = message.offset()
        else:
            logger.info("%s", error.str())
            return ended(error, "nothing can be read", Needs(message.topic() or ", ".join(self._topics), group=self._group))
        return None

    def catch_up(self) -> Iterator[Sequence[Record]]:
        """Return an iterator over what is there and was not polled yet, batch by batch."""
        if self._cluster.closed.is_set():
            raise Unavailable("the log is closed")
        self._look()
        ends = self._cluster.ends(self._places)
        return self._until({place: end for place, end in ends.items() if end > 0})

    def _until(self, ends: Mapping[Place, int]) -> Iterator[Sequence[Record]]:
        moved = time.monotonic()
        while any(self._positions.get(place, 0) < end for place, end in ends.items()):
            if self._closed or self._cluster.closed.is_set():
                raise Unavailable("the log is closed")
            before = dict(self._positions)
            records = self._taken(self._fetched(_BATCH, _SLICE))
            if self._positions != before:
                moved = time.monotonic()
            if time.monotonic() - moved > _PATIENCE:
                raise Unavailable("the log does not give what it has")
            if records:
                yield records

    def commit(self, transaction: Transaction) -> None:
        """Send the records; there are no offsets and there is no state."""
        self._cluster.sender.send(self._cluster.encoding.outgoing(transaction.records))

    def rewind(self) -> None:
        """Nothing is ever committed here, so there is nothing to go back to."""

    def wake(self) -> None:
        """End the wait of the poll that is under way, or of the next one."""
        self._woken.set()

    def close(self) -> None:
        """Stop reading, once the look that is under way is over."""
        with self._in_use:
            if not self._closed:
                self._closed = True
                self._consumer.close()
