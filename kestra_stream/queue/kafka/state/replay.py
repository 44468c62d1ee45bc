"""Replay: a state topic in, what it holds out, batch by batch, up to its end as it was when this began."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition

from kestra_stream.errors import InvalidUri, NotFound, Unavailable
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.encoding import is_filler
from kestra_stream.queue.kafka.errors import Needs, ended, told
from kestra_stream.queue.kafka.reader import at_once
from kestra_stream.queue.kafka.state.parts import PartReader

logger = logging.getLogger(__name__)
client_logger = logging.getLogger("kestra_stream.kafka.client")

# At the end lies the mark of a transaction, which nobody is given: the place is told by a fetch that finds nothing, and waits so long.
_PROPERTIES: Mapping[str, Any] = {"fetch.wait.max.ms": 20}
_BATCH = 10_000
_SLICE = 0.2
_STALLED = 0.4
_PATIENCE = 60.0

Contents = Mapping[tuple[str, str], bytes | None]
"""Owner and part -> the newest content; None for one that is dropped."""


class GivenUp(Exception):
    """Somebody waits for this to end."""


class Replay:
    """Reads partitions of one state topic.

    Args:
        places: where each partition is begun; 0 for its beginning.
        ends: how far each is read.
        given_up: whether somebody waits for this to end.

    Attributes:
        records: how many were read so far.
    """

    def __init__(
        self, cluster: Cluster, reader: PartReader, places: Mapping[int, int], ends: Mapping[int, int], given_up: Callable[[], bool]
    ) -> None:
        self._cluster = cluster
        self._reader = reader
        self._places = places
        self._left = {number: end for number, end in ends.items() if end > places[number]}
        self._given_up = given_up
        self.records = 0

    def batches(self, stalled: Callable[[], None]) -> Iterator[tuple[int, Contents]]:
        """Go through what is there: number of the partition, and contents.

        Args:
            stalled: called once when a transaction of a dead process keeps the end back.

        Raises:
            GivenUp: it was ended.
            Unavailable: the broker does not give it.
        """
        if not self._left:
            return
        most = sum(end - self._places[number] for number, end in self._left.items())
        logger.info("%s: up to %d records of state are read", self._reader.name, most)
        configuration = self._cluster.connection.consumer(f"restore-{uuid4().hex}", **_PROPERTIES)
        consumer = Consumer(configuration, logger=client_logger)
        try:
            consumer.assign([TopicPartition(self._reader.name, number, self._places[number]) for number in self._left])
            yield from self._read(consumer, stalled)
        except KafkaException as error:
            raise told(error.args[0], f"the state on {self._reader.name} can not be read", Needs(self._reader.name)) from error
        finally:
            consumer.close()

    def _read(self, consumer: Any, stalled: Callable[[], None]) -> Iterator[tuple[int, Contents]]:
        moved, is_stalled = time.monotonic(), False
        while self._left:
            changes = self._changes(at_once(consumer, _BATCH, _SLICE))
            yield from changes.items()
            if changes:
                moved = time.monotonic()
            elif time.monotonic() - moved > _STALLED and not is_stalled:
                is_stalled = True
                stalled()
            if self._given_up():
                raise GivenUp(f"the state on {self._reader.name} is read no further, since this process ends")
            if time.monotonic() - moved > _PATIENCE:
                raise Unavailable(f"the state on {self._reader.name} can not be read to its end")

    def _changes(self, messages: Sequence[Any]) -> dict[int, dict[tuple[str, str], bytes | None]]:
        """Return the contents of messages. The end of a partition is told with the place that it stands at."""
        found: dict[int, dict[tuple[str, str], bytes | None]] = {}
        left = self._left
        for message in messages:
            number, error = message.partition(), message.error()
            if error is None:
                self._note(message, found.setdefault(number, {}))
            elif (trouble := ended(error, f"the state on {self._reader.name} can not be read", Needs(self._reader.name))) is not None:
                raise trouble
            if number in left and message.offset() is not None and message.offset() + (error is None) >= left[number]:
                del left[number]
        return found

    def _note(self, message: Any, changes: dict[tuple[str, str], bytes | None]) -> None:
        self.records += 1
        key = message.key() or b""
        if (key or not is_filler(message)) and (names := self._reader.names(key)) is not None:
            changes[names] = self._content(message)

    def _content(self, message: Any) -> bytes | None:
        """Return what a part holds; nothing when it lay in the storage and is not there."""
        try:
            content, headers = self._cluster.encoding.content(message)
        except (NotFound, InvalidUri) as error:
            name, key = self._reader.name, message.key()
            logger.error("%s holds the part %r, whose value lay in the storage and is not there: %s", name, key, error)  # noqa: TRY400
            return None
        self._reader.check(headers)
        return content
