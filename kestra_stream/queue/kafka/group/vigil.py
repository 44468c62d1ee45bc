"""A client that does not find its group again: noticed, so that its member comes back with a new one.

A client of a classic group may wait for a coordinator that is none any more (librdkafka #5456 and #5511; a broker that is stopped and
started again is enough, one of eight runs under load): it is polled, gives nothing, and says nothing.
"""

import logging
import time
from collections.abc import Collection, Iterable
from typing import Any

from kestra_stream.queue.kafka.clients.standstill import Standstill
from kestra_stream.queue.kafka.cluster import Cluster, Place

logger = logging.getLogger("kestra_stream.kafka.client")

_LOOK = 1.0
# A group tells who is new what it is called at once, however long the others let it wait; a broker that begins loads its groups first.
PATIENCE = 10.0


class Vigil:
    """Watches over one member. Not thread-safe.

    Args:
        group: its name.
        cluster: where it is; whether a broker answers others, and where partitions end.
        patience: how long a client may be in no group meanwhile, in seconds.
    """

    def __init__(self, group: str, cluster: Cluster, patience: float = PATIENCE) -> None:
        self._group = group
        self._answers = cluster.answers
        self._standstill = Standstill(cluster.open_ends)
        self._patience = patience
        self._since: float | None = None
        self._next_look = 0.0

    def heard(self, messages: Iterable[Any]) -> None:
        """Something came: records, or the news that a partition goes no further."""
        self._standstill.heard(messages)

    def is_astray(self, consumer: Any, places: Collection[Place]) -> bool:
        """Whether a client has been in no group for too long, or gives nothing of these partitions; asked as often as one likes."""
        return self._is_homeless(consumer) or self._standstill.stands(places)

    def _is_homeless(self, consumer: Any) -> bool:
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + _LOOK
        if consumer.memberid() or not self._answers():
            self._since = None
            return False
        self._since = self._since or now
        if now < self._since + self._patience:
            return False
        self._since = None
        logger.warning("the client does not find its group %s again, though a broker answers: a new one takes its place", self._group)
        return True
