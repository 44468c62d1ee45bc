"""Jobs of other owners that were handed to this process, because it had free slots and they had not. Thread-safe."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Condition

from kestra_stream.queue.kafka.work_queue.jobs import Job


@dataclass(frozen=True, slots=True, eq=False)
class Guest:
    """One job of another owner, under the owner's number for it; its lease counts from the bid, which was before the owner's began."""

    owner: str
    number: int
    job: Job
    came_at: float
    leased_at: float


class Guests:
    """What was handed to this process, until it is accepted or sent back.

    A lease ends here before it ends at the owner, who waits for the answer a little longer: two never hold a job at once.

    Args:
        changed: lock of all that is shared; whoever waits on it is told of new jobs.
        lease_seconds: after that what was not accepted can not be accepted any more.
        most_idle: seconds that a job may wait here for a taker before it goes back.
    """

    def __init__(self, changed: Condition, monotonic: Callable[[], float], lease_seconds: float, most_idle: float) -> None:
        self._changed = changed
        self._monotonic = monotonic
        self._lease_seconds = lease_seconds
        self._most_idle = min(most_idle, self._lease_seconds)
        self._waiting: deque[Guest] = deque()
        self._held: dict[tuple[str, int], Guest] = {}
        self._seen: dict[tuple[str, int], float] = {}

    @property
    def waiting(self) -> int:
        """How many were not taken yet."""
        return len(self._waiting)

    @property
    def is_empty(self) -> bool:
        """Whether there is none, taken or not."""
        return not self._waiting and not self._held

    def welcome(self, owner: str, number: int, job: Job, leased_at: float | None = None) -> None:
        """A job was handed over; one that comes again, or too late to be accepted, is passed over: its owner has it still."""
        with self._changed:
            now = self._monotonic()
            guest = Guest(owner, number, job, now, now if leased_at is None else min(leased_at, now))
            if self._has_ended(guest, now) or (owner, number) in self._seen:
                return
            self._seen[owner, number] = guest.leased_at
            self._waiting.append(guest)
            self._changed.notify_all()

    def hand_out(self, count: int) -> Sequence[Guest]:
        """Hand out up to so many jobs."""
        with self._changed:
            now = self._monotonic()
            found: list[Guest] = []
            while self._waiting and len(found) < count:
                guest = self._waiting.popleft()
                if not self._has_ended(guest, now):
                    self._held[guest.owner, guest.number] = guest
                    found.append(guest)
            return found

    def end(self, owner: str, number: int) -> bool:
        """A job was accepted or released here; False when its lease has ended."""
        with self._changed:
            guest = self._held.pop((owner, number), None)
            return guest is not None and not self._has_ended(guest, self._monotonic())

    def send_home(self, *, everything: bool = False) -> Sequence[tuple[Guest, bool]]:
        """Give up those that no taker has taken in time, or all; True with those that were never taken. Ended leases go unsaid."""
        with self._changed:
            now = self._monotonic()
            for key in [key for key, guest in self._held.items() if self._has_ended(guest, now)]:
                del self._held[key]
            for key in [key for key, leased_at in self._seen.items() if now - leased_at >= self._lease_seconds]:
                del self._seen[key]
            homeward = [(guest, True) for guest in self._waiting if everything or now - guest.came_at >= self._most_idle]
            self._waiting = deque() if everything else deque(guest for guest in self._waiting if now - guest.came_at < self._most_idle)
            if everything:
                homeward += [(guest, False) for guest in self._held.values()]
                self._held.clear()
            return homeward

    def _has_ended(self, guest: Guest, now: float) -> bool:
        return now - guest.leased_at >= self._lease_seconds
