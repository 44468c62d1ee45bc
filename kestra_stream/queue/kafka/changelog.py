"""State on a compacted topic beside the input: changes in, records out; at an assignment the records back in, the state out.

key     LENGTH-OF-OWNER.OWNER/PART, so that no two parts share one
value   the part as JSON; none, a tombstone, once it is dropped
where   the partition of the same number as the owner's input
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import uuid4

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from pydantic import TypeAdapter, ValidationError

from kestra_stream.errors import Invalid, Unavailable
from kestra_stream.queue.interface import ALL_PARTS, StateChange
from kestra_stream.queue.kafka.cluster import Cluster
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.errors import told
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.queue.serde import HEADERS, to_bytes
from kestra_stream.topics import Topic

logger = logging.getLogger("kestra_stream.kafka.client")

Parts = dict[str, Any]
_BATCH = 10_000
_SLICE = 0.2
_STALLED = 0.4
_PATIENCE = 60.0


def key_of(owner: str, part: str) -> bytes:
    """Return the key of a part."""
    return f"{len(owner)}.{owner}/{part}".encode()


def parse_key(key: bytes) -> tuple[str, str]:
    """Return owner and part of a key.

    Raises:
        ValueError: it is none of ours.
    """
    length, _, rest = key.decode().partition(".")
    size = int(length)
    if rest[size : size + 1] != "/":
        raise ValueError(f"{key!r} is no key of a state topic")
    return rest[:size], rest[size + 1 :]


@cache
def _adapter(topic: Topic, kind: str) -> TypeAdapter[Any]:
    return TypeAdapter(Any if topic.parts is None else topic.parts[kind])


class Changelog:
    """The state of one group, as far as it lives beside the partitions of one member.

    Remembers which parts an owner has, so that dropping an owner drops them all.
    """

    def __init__(self, cluster: Cluster, topic: Topic, name: str) -> None:
        self._cluster = cluster
        self._topic = topic
        self._name = name
        self._parts: dict[int, dict[str, set[str]]] = defaultdict(dict)

    def encoded(self, changes: Iterable[StateChange]) -> tuple[list[Encoded], Callable[[], None]]:
        """Return the records of changes, and what is to be called once they are committed."""
        records: list[Encoded] = []
        count = self._cluster.partitions(self._name)
        drafts: dict[tuple[int, str], set[str]] = {}
        for change in changes:
            number = partition_of(change.owner.encode(), count)
            parts = drafts.get((number, change.owner))
            if parts is None:
                parts = drafts[number, change.owner] = set(self._parts[number].get(change.owner, ()))
            if change.value is not None:
                parts.add(change.part)
                records.append(self._record(number, change.owner, change.part, change.value))
            elif change.part == ALL_PARTS:
                records.extend(self._record(number, change.owner, part, None) for part in parts)
                parts.clear()
            else:
                parts.discard(change.part)
                records.append(self._record(number, change.owner, change.part, None))
        return records, lambda: self._take_over(drafts)

    def _record(self, number: int, owner: str, part: str, value: object) -> Encoded:
        content = None if value is None else to_bytes(value)
        return self._cluster.encoding.fitting(Encoded(self._name, key_of(owner, part), content, HEADERS, number))

    def _take_over(self, drafts: Mapping[tuple[int, str], set[str]]) -> None:
        for (number, owner), parts in drafts.items():
            if parts:
                self._parts[number][owner] = parts
            else:
                self._parts[number].pop(owner, None)

    def forget(self, numbers: Iterable[int]) -> None:
        """Partitions went."""
        for number in numbers:
            self._parts.pop(number, None)

    def restore(self, numbers: Sequence[int], stalled: Callable[[], None]) -> Mapping[int, Mapping[str, Parts]]:
        """Read the state beside partitions from the broker, up to the end as it is now.

        Args:
            numbers: of the partitions.
            stalled: called once when a transaction of a dead process keeps the end back.

        Raises:
            Unavailable: the broker does not give it.
        """
        newest = self._read(numbers, stalled)
        state: dict[int, dict[str, Parts]] = {number: {} for number in numbers}
        for number, records in newest.items():
            for key, content in records.items():
                owner, part = parse_key(key)
                state[number].setdefault(owner, {})[part] = self._value(part, content)
        for number in numbers:
            self._parts[number] = {owner: set(parts) for owner, parts in state[number].items()}
        return state

    def _value(self, part: str, content: bytes) -> Any:
        kind = part.partition("/")[0]
        try:
            return _adapter(self._topic, kind).validate_json(content)
        except (KeyError, ValidationError) as error:
            raise Invalid(f"{self._name} holds a part `{part}` that can not be read: {error}") from error

    def _read(self, numbers: Sequence[int], stalled: Callable[[], None]) -> dict[int, dict[bytes, bytes]]:
        """Return the newest content of each key that is not dropped."""
        found: dict[int, dict[bytes, bytes]] = {number: {} for number in numbers}
        ends = self._cluster.ends((self._name, number) for number in numbers)
        left = {number: end for (_, number), end in ends.items() if end > 0}
        if not left:
            return found
        configuration = self._cluster.connection.consumer(f"restore-{uuid4().hex}", **{"enable.partition.eof": True})
        consumer = Consumer(configuration, logger=logger)
        try:
            consumer.assign([TopicPartition(self._name, number, OFFSET_BEGINNING) for number in left])
            moved, is_stalled = time.monotonic(), False
            while left:
                messages = consumer.consume(_BATCH, _SLICE)
                if messages and self._take(messages, found, left):
                    moved = time.monotonic()
                elif time.monotonic() - moved > _STALLED and not is_stalled:
                    is_stalled = True
                    stalled()
                if time.monotonic() - moved > _PATIENCE or self._cluster.closed.is_set():
                    raise Unavailable(f"the state on {self._name} can not be read to its end")
        except KafkaException as error:
            raise told(error.args[0], f"the state on {self._name} can not be read") from error
        finally:
            consumer.close()
        return found

    def _take(self, messages: Sequence[Any], found: dict[int, dict[bytes, bytes]], left: dict[int, int]) -> bool:
        """Fold messages in; whether there was anything new. The end of a partition is told with the place that it stands at."""
        news = False
        for message in messages:
            number, error = message.partition(), message.error()
            if error is None:
                news = True
                content, _ = self._cluster.encoding.content(message)
                if content is None:
                    found[number].pop(message.key(), None)
                else:
                    found[number][message.key()] = content
            if number in left and message.offset() is not None and message.offset() + (error is None) >= left[number]:
                del left[number]
        return news
