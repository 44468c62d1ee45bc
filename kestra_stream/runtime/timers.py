"""Timers: moments by key in, the keys that are due out; setting, replacing and cancelling cost O(log n)."""

from collections.abc import Callable, Hashable
from datetime import datetime
from heapq import heappop, heappush
from typing import Generic, TypeVar

_SLACK = 64
K = TypeVar("K", bound=Hashable)


class Timers(Generic[K]):
    """Pending moments. A replaced or cancelled entry stays in the heap until it comes up, and is skipped then."""

    def __init__(self) -> None:
        self._moments: dict[K, datetime] = {}
        self._heap: list[tuple[datetime, int, K]] = []
        self._count = 0

    def set(self, key: K, at: datetime) -> None:
        """Wake at a moment; replaces the moment of the same key."""
        self._moments[key] = at
        self._count += 1
        heappush(self._heap, (at, self._count, key))
        if len(self._heap) > _SLACK + 4 * len(self._moments):
            self._heap = sorted((moment, number, k) for number, (k, moment) in enumerate(self._moments.items()))
            self._count = len(self._heap)

    def cancel(self, key: K) -> None:
        """Forget a key; does nothing when it is not there."""
        self._moments.pop(key, None)

    def cancel_all(self, is_over: Callable[[K], bool]) -> None:
        """Forget all keys of which that is so; looks at every one."""
        for key in [key for key in self._moments if is_over(key)]:
            del self._moments[key]

    def next_at(self) -> datetime | None:
        """The earliest moment; None when there is none."""
        heap = self._heap
        while heap and self._moments.get(heap[0][2]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: datetime, most: int = 1000) -> list[K]:
        """Keys whose moment has come, earliest first; they stay until they are cancelled."""
        found: list[tuple[datetime, int, K]] = []
        while self._heap and len(found) < most and self._heap[0][0] <= now:
            entry = heappop(self._heap)
            if self._moments.get(entry[2]) == entry[0]:
                found.append(entry)
        for entry in found:
            heappush(self._heap, entry)
        return list(dict.fromkeys(entry[2] for entry in found))

    def __len__(self) -> int:
        """How many are pending."""
        return len(self._moments)
