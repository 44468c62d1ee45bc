"""The work queue in memory: jobs of one worker group, handed to any taker that has a free slot, oldest first."""

from collections import deque
from collections.abc import Callable, Sequence
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
        self._leases: dict[str, tuple[Lease, object]] = {}
        self._count = 0
        self._sleepers = 0
        self._changed = Condition(Lock())
        self._is_closed = False

    def offer(self, job: Any) -> None:
        """Add a job."""
        with self._changed:
            self._waiting.append((job, 0))
            if self._sleepers:
                self._changed.notify()

    def take(self, taker: object, count: int, timeout: float) -> list[Lease]:
        """Lease jobs to a taker."""
        with self._changed:
            self._bring_back_expired()
            if not self._waiting and timeout > 0 and not self._is_closed:
                self._sleepers += 1
                self._changed.wait(timeout)
                self._sleepers -= 1
                self._bring_back_expired()
            leases: list[Lease] = []
            while self._waiting and len(leases) < count:
                job, deliveries = self._waiting.popleft()
                self._count += 1
                lease = Lease(str(self._count), job, self._now() + self._lease_time, deliveries + 1)
                self._leases[lease.id] = (lease, taker)
                leases.append(lease)
            return leases

    def accept(self, lease: Lease) -> bool:
        """Take a job out for good; False when the lease is not there any more."""
        with self._changed:
            return self._leases.pop(lease.id, None) is not None

    def release(self, lease: Lease) -> None:
        """Put a job back in front."""
        with self._changed:
            if self._leases.pop(lease.id, None) is not None:
                self._put_back(lease)

    def leave(self, taker: object) -> None:
        """Put back what a taker has not accepted."""
        with self._changed:
            for lease in [lease for lease, owner in self._leases.values() if owner is taker]:
                del self._leases[lease.id]
                self._put_back(lease)

    def close(self) -> None:
        """Wake all who wait."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Let blocked takers return."""
        with self._changed:
            self._changed.notify_all()

    def _put_back(self, lease: Lease) -> None:
        self._waiting.appendleft((lease.job, lease.deliveries))
        self._changed.notify()

    def _bring_back_expired(self) -> None:
        # dicts keep the order of arrival, and all leases last equally long: the oldest is the first to expire
        now = self._now() if self._leases else None
        while self._leases and now is not None:
            lease, _ = next(iter(self._leases.values()))
            if lease.expires_at > now:
                return
            del self._leases[lease.id]
            self._put_back(lease)

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._waiting)


class MemoryWorkQueue:
    """One taker's view of a backlog."""

    def __init__(self, backlog: WorkBacklog) -> None:
        self._backlog = backlog
        self._is_closed = False

    def take(self, count: int, timeout: float) -> Sequence[Lease]:
        """Lease up to `count` jobs."""
        return [] if self._is_closed else self._backlog.take(self, count, timeout)

    def accept(self, lease: Lease) -> bool:
        """The job will not be handed out again."""
        return self._backlog.accept(lease)

    def release(self, lease: Lease) -> None:
        """Give the job back at once."""
        self._backlog.release(lease)

    def close(self) -> None:
        """Give back what is leased and not accepted; a blocked `take` returns."""
        self._is_closed = True
        self._backlog.leave(self)
        self._backlog.wake()

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._backlog)
