"""What every `WorkQueue` fulfils: a job is with one taker at a time, comes back from one that dies, and waits for nobody."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event, Lock
from time import monotonic
from uuid import uuid4

import pytest

from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Lease, Log, Outgoing, Transaction, WorkQueue
from kestra_stream.testing.contracts.wire import Wire
from kestra_stream.topics import WORKER_JOB, Cleanup, Topic

OpenQueue = Callable[[str], WorkQueue]


@dataclass
class Yard:
    """A worker group of its own, its takers, and the means to give them work."""

    log: Log
    open_queue: OpenQueue
    patience: float
    group: str
    takers: list[WorkQueue]

    def taker(self, group: str = "") -> WorkQueue:
        """Return one more taker, closed after the test."""
        self.takers.append(self.open_queue(group or self.group))
        return self.takers[-1]

    def jobs(self, *names: str, group: str = "") -> list[Outgoing]:
        """Return jobs as records."""
        found = []
        for name in names:
            job = LookupJob(name, "a.namespace", "flow", 1, name, (), worker_group=group or self.group)
            found.append(Outgoing(WORKER_JOB, name, job))
        return found

    def offer(self, *names: str, group: str = "") -> None:
        """Send jobs."""
        self.log.send(self.jobs(*names, group=group))

    def take(self, taker: WorkQueue, count: int) -> list[Lease]:
        """Take as many jobs; fails when they do not come in time."""
        found: list[Lease] = []
        deadline = monotonic() + self.patience
        while len(found) < count and monotonic() < deadline:
            found.extend(taker.take(count - len(found), 0.05))
        if len(found) != count:
            raise AssertionError(f"{len(found)} jobs came, not {count}")
        return found

    def becomes(self, is_so: Callable[[], bool]) -> bool:
        """Whether something is so soon."""
        deadline = monotonic() + self.patience
        while not is_so() and monotonic() < deadline:
            self.log.send(())
        return is_so()

    def is_silent(self, taker: WorkQueue) -> bool:
        """Whether there is no job for a moment."""
        return not taker.take(10, 0.2)


def names(leases: Sequence[Lease]) -> list[str]:
    """Return the names of jobs, sorted."""
    return sorted(lease.job.lookup_id for lease in leases)


class WorkQueueContract:
    """Needs the fixtures `log` and `open_queue` (worker group -> a new taker), with leases of about `lease_seconds`.

    `patience` is how many seconds a member of the family may take for what should be soon: more than a lease.
    """

    patience = 10.0
    lease_seconds = 0.3

    @pytest.fixture
    def yard(self, log: Log, open_queue: OpenQueue) -> Iterator[Yard]:
        """What the tests take from."""
        yard = Yard(log, open_queue, self.patience, f"contract-{uuid4().hex}", [])
        yield yard
        for taker in yard.takers:
            taker.close()

    def test_a_job_is_handed_to_one_taker(self, yard: Yard) -> None:
        first, other = yard.taker(), yard.taker()
        yard.offer("a")
        (lease,) = yard.take(first, 1)
        assert lease.job == yard.jobs("a")[0].value
        assert lease.deliveries == 1
        assert first.accept(lease)
        assert yard.is_silent(other)

    def test_a_taker_gets_at_most_what_it_asks_for(self, yard: Yard) -> None:
        taker = yard.taker()
        yard.offer("a", "b", "c")
        assert len(taker.take(2, self.patience)) <= 2

    def test_the_line_is_known_and_what_is_taken_is_not_in_it(self, yard: Yard) -> None:
        taker = yard.taker()
        yard.offer("a", "b", "c")
        (lease,) = yard.take(taker, 1)
        assert yard.becomes(lambda: taker.waiting == 2)
        assert taker.accept(lease)
        yard.take(taker, 2)
        assert yard.becomes(lambda: taker.waiting == 0)

    def test_a_take_without_jobs_returns_nothing(self, yard: Yard) -> None:
        assert not yard.taker().take(1, 0)
        assert not yard.taker().take(1, 0.01)

    def test_a_take_that_waits_returns_when_a_job_comes(self, yard: Yard) -> None:
        taker = yard.taker()
        with ThreadPoolExecutor(1) as pool:
            taking = pool.submit(yard.take, taker, 1)
            yard.offer("a")
            assert names(taking.result()) == ["a"]

    def test_jobs_that_were_there_before_the_taker_are_taken(self, yard: Yard) -> None:
        yard.offer("a")
        assert names(yard.take(yard.taker(), 1)) == ["a"]

    def test_an_accepted_job_never_comes_back(self, yard: Yard) -> None:
        taker, witness = yard.taker(), yard.taker()
        yard.offer("a")
        (lease,) = yard.take(taker, 1)
        assert taker.accept(lease)
        assert not witness.take(1, 3 * self.lease_seconds)
        taker.close()
        assert yard.is_silent(witness)

    def test_a_released_job_is_there_for_another_at_once(self, yard: Yard) -> None:
        full, free = yard.taker(), yard.taker()
        yard.offer("a")
        (lease,) = yard.take(full, 1)
        full.release(lease)
        (again,) = yard.take(free, 1)
        assert (again.job, again.deliveries) == (lease.job, 2)
        assert free.accept(again)

    def test_a_released_job_can_not_be_accepted(self, yard: Yard) -> None:
        taker = yard.taker()
        yard.offer("a")
        (lease,) = yard.take(taker, 1)
        taker.release(lease)
        assert not taker.accept(lease)

    def test_the_job_of_a_taker_that_hangs_comes_back_and_its_late_accept_is_refused(self, yard: Yard) -> None:
        hanging, free = yard.taker(), yard.taker()
        yard.offer("a")
        (lease,) = yard.take(hanging, 1)
        (again,) = yard.take(free, 1)
        assert again.deliveries == 2
        assert not hanging.accept(lease)
        assert free.accept(again)

    def test_a_job_comes_back_as_often_as_it_must(self, yard: Yard) -> None:
        yard.offer("a")
        deliveries = [yard.take(yard.taker(), 1)[0].deliveries for _ in range(3)]
        assert deliveries == [1, 2, 3]

    def test_closing_gives_back_what_was_not_accepted(self, yard: Yard) -> None:
        leaving, staying = yard.taker(), yard.taker()
        yard.offer("a", "b", "c")
        leases = yard.take(leaving, 3)
        accepted = leases[0]
        assert leaving.accept(accepted)
        leaving.close()
        expected = sorted({"a", "b", "c"} - {accepted.job.lookup_id})
        assert names(yard.take(staying, 2)) == expected
        assert not leaving.take(1, 0)

    def test_closing_ends_a_take_that_waits(self, yard: Yard) -> None:
        taker = yard.taker()
        with ThreadPoolExecutor(1) as pool:
            taking = pool.submit(taker.take, 1, 10 * self.patience)
            taker.close()
            assert taking.result(timeout=self.patience) in ([], ())

    def test_a_group_gets_its_own_jobs_only(self, yard: Yard) -> None:
        own, foreign = yard.taker(), yard.taker(group=f"{yard.group}-other")
        yard.offer("theirs", group=f"{yard.group}-other")
        yard.offer("ours")
        assert names(yard.take(own, 1)) == ["ours"]
        assert names(yard.take(foreign, 1)) == ["theirs"]
        assert yard.is_silent(own)

    def test_a_job_of_a_transaction_is_there_with_its_commit(self, yard: Yard) -> None:
        inbox = Topic(f"contract-{uuid4().hex}", "any", str, Cleanup.DELETE, "a test", "a test", 1)
        wire, taker = Wire(yard.log, self.patience), yard.taker()
        consumer = wire.member(f"{yard.group}-executor", inbox)
        assert yard.is_silent(taker)
        consumer.commit(Transaction(yard.jobs("a")))
        assert names(yard.take(taker, 1)) == ["a"]
        wire.close()

    def test_a_slow_taker_blocks_nobody(self, yard: Yard) -> None:
        slow, quick = yard.taker(), yard.taker()
        yard.offer(*(f"job-{number}" for number in range(20)))
        (held,) = yard.take(slow, 1)
        assert slow.accept(held)
        taken = yard.take(quick, 19)
        assert all(quick.accept(lease) for lease in taken)
        assert held.job.lookup_id not in names(taken)

    @pytest.mark.parametrize("shape", ["burst", "trickle"])
    def test_every_job_is_accepted_once(self, yard: Yard, shape: str) -> None:
        expected = [f"job-{number}" for number in range(200)]
        with ThreadPoolExecutor(3) as pool:
            counted = _Count(len(expected))
            working = [pool.submit(_work, yard.taker(), counted) for _ in range(3)]
            for names_ in [expected] if shape == "burst" else [[name] for name in expected]:
                yard.offer(*names_)
            counted.wait(self.patience)
            for worked in working:
                worked.result()
        assert counted.accepted == Counter(expected)

    def test_jobs_of_takers_that_die_are_accepted_once_by_others(self, yard: Yard) -> None:
        expected = [f"job-{number}" for number in range(60)]
        yard.offer(*expected)
        dying = [yard.taker() for _ in range(4)]
        for taker in dying:
            assert taker.take(5, self.patience)
        dying[0].close()
        counted = _Count(len(expected))
        with ThreadPoolExecutor(2) as pool:
            working = [pool.submit(_work, yard.taker(), counted) for _ in range(2)]
            counted.wait(self.patience)
            for worked in working:
                worked.result()
        assert counted.accepted == Counter(expected)


class _Count:
    """Counts accepted jobs until there are enough."""

    def __init__(self, wanted: int) -> None:
        self.accepted: Counter[str] = Counter()
        self.over = Event()
        self._wanted = wanted
        self._lock = Lock()

    def add(self, name: str) -> None:
        """Count a job."""
        with self._lock:
            self.accepted[name] += 1
            if self.accepted.total() >= self._wanted:
                self.over.set()

    def wait(self, seconds: float) -> None:
        """Wait until there are enough, and end the work."""
        self.over.wait(seconds)
        self.over.set()


def _work(taker: WorkQueue, counted: _Count) -> None:
    while not counted.over.is_set():
        for lease in taker.take(7, 0.02):
            if taker.accept(lease):
                counted.add(lease.job.lookup_id)
