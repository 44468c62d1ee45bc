"""How a member is doing, for threads that must not ask its client."""

import time
from collections.abc import Callable, Iterable, Mapping

from confluent_kafka import Consumer, TopicPartition

from kestra_stream.queue.kafka.cluster import Place
from kestra_stream.topics import Topic

_LOOK = 1.0
_LOOKS_WITHOUT_PARTITIONS = 5


class Outlook:
    """What a member tells other threads of itself, looked up in the one that polls: the client lets nobody else ask while it does.

    Attributes:
        has_joined: whether the member knows its partitions, none included, and the listener has their state.
        lags: how many records of each topic wait for it, as far as the client has heard.
    """

    def __init__(self) -> None:
        self.has_joined = False
        self.lags: Mapping[str, int] = {}
        self._next_look = 0.0
        self._looks_as_member = 0

    def look(self, consumer: Consumer, topics: Mapping[str, Topic], owned: Iterable[Place], position: Callable[[Place], int]) -> None:
        """Look from time to time."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + _LOOK
        lags = dict.fromkeys((topic.name for topic in topics.values()), 0)
        for place in owned:
            _, end = consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            lags[topics[place[0]].name] += max(end - position(place), 0)
        self.lags = lags
        if not self.has_joined and consumer.memberid():
            # the client tells nothing of an assignment without partitions: after some looks as a member there are none for us
            self._looks_as_member += 1
            self.has_joined = self._looks_as_member > _LOOKS_WITHOUT_PARTITIONS
