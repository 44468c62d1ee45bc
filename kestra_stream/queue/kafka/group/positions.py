"""How far one member has come in each of its partitions.

committed         next
│                 │
■ ■ ■ □ □ □ □ □ □ │      ■ committed   □ polled since: touched, and read again after a rewind
"""

from collections.abc import Iterable, Mapping

from kestra_stream.queue.kafka.cluster import Place


class Positions:
    """The offsets of the partitions that are a member's own. Not thread-safe."""

    def __init__(self) -> None:
        self._committed: dict[Place, int] = {}
        self._next: dict[Place, int] = {}
        self._touched: dict[Place, int] = {}

    def begin(self, offsets: Mapping[Place, int]) -> None:
        """Partitions came, of which so much is committed."""
        self._committed.update(offsets)

    def forget(self, places: Iterable[Place]) -> None:
        """Partitions went."""
        for place in places:
            for kept in (self._committed, self._next, self._touched):
                kept.pop(place, None)

    def polled(self, place: Place, offset: int) -> None:
        """A record was polled."""
        self._touched.setdefault(place, offset)
        self._next[place] = offset + 1

    def next(self, place: Place) -> int:
        """Return the offset of the next record."""
        return self._next.get(place, self._committed[place])

    def to_commit(self, owned: Iterable[Place]) -> Mapping[Place, int]:
        """Return where to go on; without anything new one place is said again, or nobody would notice a zombie."""
        places = tuple(self._touched) or (next(iter(owned)),)
        return {place: self.next(place) for place in places}

    def committed(self, places: Iterable[Place]) -> Mapping[Place, int]:
        """Return what is committed."""
        return {place: self._committed[place] for place in places}

    def commit(self) -> None:
        """What was polled is committed."""
        self._committed.update({place: self._next[place] for place in self._touched})
        self._touched.clear()

    def rewind(self) -> Mapping[Place, int]:
        """Forget what was polled since the last commit; return where that began."""
        touched, self._touched = self._touched, {}
        for place in touched:
            del self._next[place]
        return touched
