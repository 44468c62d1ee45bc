"""Jobs in the partitions that this process owns: who waits, who is leased to whom, what is done. Thread-safe."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import Condition

from kestra_stream.queue.interface import Headers
from kestra_stream.queue.kafka.work_queue.partitions import Partitions

HERE = ""
"""Holder of what was handed to a taker of this process."""
# How long the answer of another worker may be on its way before its job is handed out anew.
_ANSWER_SECONDS = 2.0


@dataclass(slots=True, eq=False)
class Job:
    """One job as it lies on the topic, with when the log took it (in milliseconds) and how often it was handed out."""

    partition: int
    offset: int
    timestamp: int
    payload: bytes | None
    key: bytes | None
    headers: Headers
    deliveries: int = 0

    @property
    def size(self) -> int:
        """Return how many bytes it keeps in memory, about."""
        return len(self.payload or b"")


class AsMessage:
    """A job as the client's message, for whoever decodes messages."""

    def __init__(self, job: Job) -> None:
        self.partition = lambda: job.partition
        self.offset = lambda: job.offset
        self.timestamp = lambda: (1, job.timestamp)
        self.value = lambda: job.payload
        self.key = lambda: job.key
        self.headers = lambda: job.headers


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """A job that was handed out, to a taker of this process or to another worker.

    Attributes:
        until: moment of the monotonic clock at which the job comes back.
    """

    number: int
    job: Job
    holder: str
    until: float


class OwnJobs:
    """The jobs of all partitions of one owner, handed out oldest first.

    Attributes:
        partitions: how far each is done.
        answers_until: all answers of other workers that were there at this moment are taken in: only up to then one can be missing.

    Args:
        changed: lock of all that is shared; whoever waits on it is told of new jobs.
        monotonic: seconds of a clock that nobody sets.
        lease_seconds: after that a job that was handed out and not accepted comes back.
        stale_seconds: an owner that was not heard of for so long may have lost its partitions: nothing is handed out or accepted.
    """

    def __init__(self, changed: Condition, monotonic: Callable[[], float], lease_seconds: float, stale_seconds: float) -> None:
        self.changed = changed
        self.partitions = Partitions(changed)
        self.bytes_waiting = 0
        self._monotonic = monotonic
        self._lease_seconds = lease_seconds
        self._stale_seconds = stale_seconds
        self._waiting: deque[Job] = deque()
        self._grants: dict[int, Grant] = {}
        self._retired: frozenset[int] = frozenset()
        self._numbers = 0
        self.answers_until = monotonic()
        self._heard_at = monotonic()

    @property
    def waiting(self) -> int:
        """How many jobs are handed out to nobody."""
        return len(self._waiting)

    @property
    def is_stale(self) -> bool:
        """Whether the owner may have been asleep for so long that its partitions are another's."""
        return self._monotonic() - self._heard_at > self._stale_seconds

    def confirm(self, asked_at: float) -> None:
        """At that moment the owner was awake, and its partitions were its own: a sleep that began since then is not overlooked."""
        with self.changed:
            was_stale = self.is_stale
            self._heard_at = asked_at
            if was_stale:
                self.changed.notify_all()

    # -- the owner's side ------------------------------------------------------------------------------------------------

    def add(self, jobs: Iterable[Job]) -> None:
        """Jobs were read; those that are done already are passed over."""
        with self.changed:
            for job in jobs:
                deliveries = self.partitions.read(job.partition, job.offset)
                if deliveries is not None:
                    job.deliveries = deliveries
                    self._waiting.append(job)
                    self.bytes_waiting += job.size
            self.changed.notify_all()

    def retire(self, partitions: frozenset[int]) -> None:
        """Hand out nothing more of these partitions; what is handed out may still be accepted."""
        with self.changed:
            self._retired |= partitions
            self._waiting = deque(job for job in self._waiting if job.partition not in partitions)
            self.bytes_waiting = sum(job.size for job in self._waiting)

    def drop(self, partitions: frozenset[int]) -> None:
        """Forget these partitions; what is handed out of them can not be accepted any more."""
        with self.changed:
            self.retire(partitions)
            for number in [number for number, grant in self._grants.items() if grant.job.partition in partitions]:
                del self._grants[number]
            self.partitions.drop(partitions)
            self._retired -= partitions

    def granted(self, partitions: frozenset[int]) -> int:
        """How many jobs of these partitions are handed out."""
        return sum(grant.job.partition in partitions for grant in self._grants.values())

    @property
    def is_busy(self) -> bool:
        """Whether jobs wait or are handed out."""
        return bool(self._waiting or self._grants)

    def bring_back(self, holder: str | None = None) -> None:
        """Bring back what was not accepted in time; or all that somebody holds."""
        with self.changed:
            now = self._monotonic()
            ends = {True: now, False: self.answers_until}
            back = [
                grant
                for grant in self._grants.values()
                if (grant.until <= ends[grant.holder == HERE] if holder is None else grant.holder == holder)
            ]
            for grant in back:
                del self._grants[grant.number]
            self._put_back([grant.job for grant in back])

    # -- the holders' side -----------------------------------------------------------------------------------------------

    def hand_out(self, count: int, holder: str) -> Sequence[Grant]:
        """Hand out up to so many jobs."""
        with self.changed:
            if count <= 0 or not self._waiting or self.is_stale:
                return ()
            until = self._monotonic() + self._lease_seconds + (_ANSWER_SECONDS if holder != HERE else 0.0)
            grants = []
            for _ in range(min(count, len(self._waiting))):
                job = self._waiting.popleft()
                self.bytes_waiting -= job.size
                job.deliveries += 1
                self.partitions.count(job.partition, job.offset, job.deliveries)
                self._numbers += 1
                grant = self._grants[self._numbers] = Grant(self._numbers, job, holder, until)
                grants.append(grant)
            return grants

    def accept(self, number: int, holder: str, *, patiently: bool = False) -> bool:
        """A job is done as far as the queue is concerned; False when it went back meanwhile, or may have gone to another owner.

        After a sleep the owner has to look whether its partitions are its own still: `patiently` waits for that, while the lease lasts.
        What another worker has accepted is run there already: that is noted also after a sleep, or it would be run once more.
        """
        with self.changed:
            while patiently and self.is_stale and (left := self._left(number)) > 0:
                self.changed.wait(left)
            grant = self._grants.get(number)
            if grant is None or grant.holder != holder:
                return False
            if holder == HERE and (self.is_stale or grant.until <= self._monotonic()):
                return False
            self._finish(grant)
            return True

    def give_back(self, number: int, holder: str, *, untouched: bool = False) -> None:
        """A job goes back in front; one that nobody has looked at counts as not handed out."""
        with self.changed:
            grant = self._grants.get(number)
            if grant is None or grant.holder != holder:
                return
            del self._grants[number]
            if untouched:
                grant.job.deliveries -= 1
            self._put_back([grant.job])

    def _left(self, number: int) -> float:
        """Seconds until a lease ends."""
        grant = self._grants.get(number)
        return 0.0 if grant is None else grant.until - self._monotonic()

    def _finish(self, grant: Grant) -> None:
        del self._grants[grant.number]
        self.partitions.done(grant.job.partition, grant.job.offset)
        self.changed.notify_all()

    def _put_back(self, jobs: Sequence[Job]) -> None:
        """Take jobs back in front; those of a partition that is about to go wait for its next owner."""
        if not jobs:
            return
        for job in jobs:
            self.partitions.count(job.partition, job.offset, job.deliveries)
        stay = [job for job in jobs if job.partition not in self._retired]
        self._waiting.extendleft(reversed(stay))
        self.bytes_waiting += sum(job.size for job in stay)
        self.changed.notify_all()
