"""Partitions in, those out in which a transaction is open that began before now: their last stable offset stays before their end."""

import time
from collections.abc import Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # the library has no types here
_REQUEST = 2.0
_BETWEEN = 0.02
_Place = tuple[str, int]


class OpenEnds:
    """Looks where readers wait for the end of a transaction. Thread-safe.

    Args:
        admin: asks the broker.
    """

    def __init__(self, admin: AdminClient) -> None:
        self._admin = admin

    def among(self, places: Iterable[_Place], seconds: float) -> AbstractSet[_Place]:
        """Return those of the partitions where a transaction is open that was open at the beginning, after so many seconds.

        A partition that is not there any more has none.

        Raises:
            KafkaException: a partition has no leader that tells it in time.
        """
        deadline = time.monotonic() + seconds
        left, ends = set(places), dict[_Place, int]()
        while True:
            ends |= self._ends(left - ends.keys(), IsolationLevel.READ_UNCOMMITTED)
            stable = self._ends(left & ends.keys(), IsolationLevel.READ_COMMITTED)
            left -= {place for place, offset in stable.items() if offset >= ends[place]}
            if silent := left - stable.keys():
                gone = self._gone(silent)
                left, silent = left - gone, silent - gone
            if not left or time.monotonic() > deadline:
                break
            time.sleep(_BETWEEN)
        if silent:
            topic, number = min(silent)
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"the end of {topic}/{number} is not told"))  # noqa: SLF001 - a code
        return left

    def stable(self, places: Collection[_Place]) -> Mapping[_Place, int]:
        """Return the last stable offset of each partition, but for those that nobody tells of now."""
        return self._ends(places, IsolationLevel.READ_COMMITTED)

    def _ends(self, places: Collection[_Place], level: IsolationLevel) -> Mapping[_Place, int]:
        """Ask once; what is not answered is left out."""
        if not places:
            return {}
        asked = {TopicPartition(*place): _END for place in places}
        answers = self._admin.list_offsets(asked, isolation_level=level, request_timeout=_REQUEST)
        offsets = {(place.topic, place.partition): _offset(answer) for place, answer in answers.items()}
        return {place: offset for place, offset in offsets.items() if offset >= 0}

    def _gone(self, places: AbstractSet[_Place]) -> AbstractSet[_Place]:
        """Return which of these partitions there are no more; the client learns anew where the others lie."""
        gone: set[_Place] = set()
        for topic in {topic for topic, _ in places}:
            try:
                found: Any = self._admin.list_topics(topic, timeout=_REQUEST).topics[topic]
            except KafkaException:
                continue
            if found.error is None or found.error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                gone |= {place for place in places if place[0] == topic and place[1] not in found.partitions}
        return gone


def _offset(answer: Future[Any]) -> int:
    """Return an offset; -1 where it is not told, as the client has it for a leader that does not answer."""
    try:
        return int(answer.result(_REQUEST + 1).offset)
    except (KafkaException, TimeoutError):
        return -1
