"""A client that does not find its group again: noticed, so that its member comes back with a new one.

A client of a classic group may wait for a coordinator that is none any more (librdkafka #5456 and #5511; a broker that is stopped and
started again is enough, 3 of 70 times under load): it is polled, gives nothing, and says nothing.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaException

from kestra_stream.queue.kafka.clients.overdue import make_once

logger = logging.getLogger("kestra_stream.kafka.client")

_LOOK = 1.0
# A group tells who is new what it is called at once, however long the others let it wait; a broker that begins loads its groups first.
PATIENCE = 10.0
_CLOSING = 10.0


class Vigil:
    """Watches over one member. Not thread-safe.

    Args:
        group: its name.
        answers: whether a broker answers others.
        patience: how long a client may be in no group meanwhile, in seconds.
    """

    def __init__(self, group: str, answers: Callable[[], bool], patience: float = PATIENCE) -> None:
        self._group = group
        self._answers = answers
        self._patience = patience
        self._since: float | None = None
        self._next_look = 0.0

    def is_astray(self, consumer: Any) -> bool:
        """Whether a client has been in no group for too long; asked as often as one likes."""
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


def abandon(consumer: Any) -> None:
    """Close a client that is astray; it may never answer, and nobody waits for it for ever."""
    try:
        make_once(consumer.close, _CLOSING, "closing")
    except KafkaException as error:
        logger.info("a client is left to itself: %s", error.args[0].str())
