"""A consumer that is given nothing though there is something: noticed, so that another client takes its place.

The client library removes a broker that is not in the broker's own list (it is just going, or coming), and takes the one that comes back
for another one: what was bound to the first waits for it for ever (librdkafka 2.10 and later, #5511). Nothing tells of it.
"""

import logging
import time
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

from kestra_stream.queue.kafka.clients.overdue import make_once

logger = logging.getLogger("kestra_stream.kafka.client")

# How long nothing comes before it is looked whether something should, and how often.
PATIENCE = 8.0
_CLOSING = 10.0
_Place = tuple[str, int]


class Ends(Protocol):
    """Knows where partitions end."""

    def stable(self, places: Collection[_Place]) -> Mapping[_Place, int]:
        """Return the last stable offset of each partition, but for those that nobody tells of now."""
        ...


class Standstill:
    """Watches over one consumer, which tells the ends of partitions (`enable.partition.eof`). Not thread-safe.

    Args:
        ends: where partitions end.
        patience: how long nothing comes before it is looked whether something should, in seconds.
    """

    def __init__(self, ends: Ends, patience: float = PATIENCE) -> None:
        self._ends = ends
        self._patience = patience
        self._ended: dict[_Place, int] = {}
        self._behind: AbstractSet[_Place] = frozenset()
        self._next_look = time.monotonic() + patience

    def heard(self, messages: Iterable[Any]) -> None:
        """Something came: records, or the news that a partition goes no further."""
        for message in messages:
            error: KafkaError | None = message.error()
            if error is not None and error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - a code
                self._ended[message.topic(), message.partition()] = message.offset()
        self._behind = frozenset()
        self._next_look = time.monotonic() + self._patience

    def stands(self, places: Collection[_Place]) -> bool:
        """Whether the consumer has been given nothing of what is there in one of these partitions since the last look but one."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + self._patience
        behind = {place for place, end in self._ends.stable(places).items() if end > self._ended.get(place, 0)} if places else set()
        stands, self._behind = bool(behind & self._behind), behind
        if stands:
            topic, number = min(behind)
            logger.warning("the client gives nothing of %s/%d, though there is something: a new one takes its place", topic, number)
            self._ended.clear()
            self._behind = frozenset()
        return stands


def abandon(consumer: Any) -> None:
    """Close a client that is astray; it may never answer, and nobody waits for it for ever."""
    try:
        make_once(consumer.close, _CLOSING, "closing")
    except KafkaException as error:
        logger.info("a client is left to itself: %s", error.args[0].str())
