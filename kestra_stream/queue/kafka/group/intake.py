"""What the client has given to a member and nobody has taken yet: all of it is of partitions that the client has now, in order."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError

from kestra_stream.queue.kafka.cluster import Place
from kestra_stream.queue.kafka.group.client import GroupClient


class Intake:
    """Records on their way to a member. Not thread-safe.

    Args:
        client: where they come from.
    """

    def __init__(self, client: GroupClient) -> None:
        self._client = client
        self._held: list[Any] = []
        self._seeks: dict[Place, int] = {}

    def fetch(self, most: int, timeout: float) -> Sequence[Any]:
        """Let the client speak, which calls back about partitions, and hold what it has, until so many are held.

        Returns: what is no record, but news of the client.

        Raises:
            Unavailable: the client does not go back to where it was sent; the next call tries again.
        """
        for place, offset in tuple(self._seeks.items()):
            if self._client.seek(place, offset):
                del self._seeks[place]
        first = self._client.consumer.poll(0.0 if self._held else timeout)
        if first is None:
            return ()
        news = self._hold([first])  # before the client speaks again: it may tell that the partition went
        room = most - len(self._held)
        more = self._client.consumer.consume(room, 0.0) if room > 0 else ()
        return [*news, *self._hold(more)] if more else news

    def next(self, most: int) -> Sequence[Any]:
        """Return the oldest that are held; they stay until `taken` is called."""
        return self._held[:most]

    def taken(self, count: int) -> None:
        """The oldest so many are held no more."""
        self._held = self._held[count:]

    def go_back(self, offsets: Mapping[Place, int]) -> None:
        """Give these partitions again from these offsets on."""
        self._seeks.update(offsets)
        self._drop(offsets)

    def forget(self, places: Collection[Place]) -> None:
        """Partitions went."""
        self._drop(places)
        self._seeks = {place: offset for place, offset in self._seeks.items() if place not in places}

    def clear(self) -> None:
        """All went."""
        self._held.clear()
        self._seeks.clear()

    def _hold(self, messages: Iterable[Any]) -> Sequence[Any]:
        """Hold the records, but for those that are about to be read again from further back; return the others."""
        messages = list(messages)
        self._held.extend([message for message in messages if message.error() is None and place_of(message) not in self._seeks])
        news = [message for message in messages if message.error() is not None]
        self._client.heard(news)
        return [message for message in news if message.error().code() != KafkaError._PARTITION_EOF]  # noqa: SLF001 - a code

    def _drop(self, places: Collection[Place]) -> None:
        self._held = [message for message in self._held if place_of(message) not in places]


def place_of(message: Any) -> Place:
    """Return where a record lies."""
    return message.topic(), message.partition()
