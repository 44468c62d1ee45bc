"""The work queue in memory: jobs of one worker group, handed to any taker that has a free slot, oldest first."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from threading import Condition, Lock
from typing import Any

from kestra_stream.queue.interface import Lease


class WorkBacklog:
    """Jobs that wait and leases that run, shared by all takers of a group."""

    def __init__(self, now: Callable[[], datetime], lease_seconds: float) -> None:
        self._now = now
        self._lease_time = timedelta(seconds=lease_seconds)
        self._waiting: deque[tuple[Any, int]] = deque()
        self._leases: dict[str, tuple[Lease, MemoryWorkQueue]] = {}
        self._count = 0
        self._sleepers = 0
        self._changed = Condition(Lock())
        self._is_closed = False

    def offer(self, jobs: Sequence[object]) -> None:
        """Add jobs."""
        with self._changed:
            self._waiting.extend([(job, 0) for job in jobs])
            if self._sleepers:
                self._changed.notify(len(jobs))

    def take(self, taker: "MemoryWorkQueue", count: int, timeout: float) -> list[Lease]:
        """Lease jobs to a taker; one that sleeps is woken by a job, by the end of a lease, or by its own closing."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (self._is_closed or taker.is_closed):
                self._bring_back_expired()
                if self._waiting:
                    return self._hand_out(taker, count)
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._sleep(left)
            return []

    def accept(self, lease: Lease) -> bool:
        """Take a job out for good; False when the lease is not there any more."""
        with self._changed:
            return self._leases.pop(lease.id, None) is not None

    def release(self, lease: Lease) -> None:
        """Put a job back in front."""
        with self._changed:
            if self._leases.pop(lease.id, None) is not None:
                self._put_back((lease,))

    def leave(self, taker: "MemoryWorkQueue") -> None:
        """Put back what a taker has not accepted."""
        with self._changed:
            leases = [lease for lease, owner in self._leases.values() if owner is taker]
            for lease in leases:
                del self._leases[lease.id]
            self._put_back(leases)
            self._changed.notify_all()

    def close(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _hand_out(self, taker: "MemoryWorkQueue", count: int) -> list[Lease]:
        expires_at = self._now() + self._lease_time
        leases: list[Lease] = []
        while self._waiting and len(leases) < count:
            job, deliveries = self._waiting.popleft()
            self._count += 1
            lease = Lease(str(self._count), job, expires_at, deliveries + 1)
            self._leases[lease.id] = (lease, taker)
            leases.append(lease)
        return leases

    def _sleep(self, seconds: float) -> None:
        if self._leases:
            oldest, _ = next(iter(self._leases.values()))
            seconds = min(seconds, max((oldest.expires_at - self._now()).total_seconds(), 0.001))
        self._sleepers += 1
        try:
            self._changed.wait(seconds)
        finally:
            self._sleepers -= 1

    def _put_back(self, leases: Iterable[Lease]) -> None:
        for lease in reversed(tuple(leases)):
            self._waiting.appendleft((lease.job, lease.deliveries))
            self._changed.notify()

    def _bring_back_expired(self) -> None:
        # dicts keep the order of arrival, and all leases last equally long: the oldest is the first to expire
        if not self._leases:
            return
        now = self._now()
        expired: list[Lease] = []
        for lease, _ in self._leases.values():
            if lease.expires_at > now:
                break
            expired.append(lease)
        for lease in expired:
            del self._leases[lease.id]
        self._put_back(expired)

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)


class MemoryWorkQueue:
    """One taker's view of a backlog. Thread-safe."""

    def __init__(self, backlog: WorkBacklog) -> None:
        self.is_closed = False
        self._backlog = backlog

    def take(self, count: int, timeout: float) -> Sequence[Lease]:
        """Lease up to `count` jobs."""
        return self._backlog.take(self, count, timeout)

    def accept(self, lease: Lease) -> bool:
        """The job will not be handed out again."""
        return self._backlog.accept(lease)

    def release(self, lease: Lease) -> None:
        """Give the job back at once."""
        self._backlog.release(lease)

    def close(self) -> None:
        """Give back what is leased and not accepted; a blocked `take` returns."""
        self.is_closed = True
        self._backlog.leave(self)

    @property
    def waiting(self) -> int:
        """How many jobs wait for a taker."""
        return len(self._backlog)
