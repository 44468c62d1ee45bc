"""Where the driver's jobs are done: a worker takes them, reports now, late or twice, is slow, or is never heard of again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from kestra_stream.models import execution_input as i
from kestra_stream.models.messages import KillRequest, ServiceHeartbeat, ServiceState, TaskJob, WorkerJob
from kestra_stream.queue.interface import Lease, Log, Outgoing, Record, Unreadable, WorkQueue
from kestra_stream.testing.clock import ManualClock
from kestra_stream.testing.workers import DriverWorker
from kestra_stream.topics import EXECUTION_INBOX, KILL, SERVICE
from kestra_stream.worker.unreadable_job import ends_of_unreadable, letters_of_unreadable


def drawn(random: Random, chance: float) -> bool:
    """Whether something happens that happens with that chance; draws nothing where there is no chance."""
    return chance > 0 and random.random() < chance


@dataclass(frozen=True, slots=True)
class Mischief:
    """Chances, for each turn or report, of the things that go wrong in real life."""

    reorder: float = 0.0
    double: float = 0.0
    delay: float = 0.0
    crash: float = 0.0
    lose_worker: float = 0.0
    rebalance: float = 0.0
    slow: float = 0.0

    @classmethod
    def all(cls) -> "Mischief":
        """A bit of everything."""
        return cls(reorder=0.5, double=0.2, delay=0.3, crash=0.03, lose_worker=0.03, rebalance=0.03, slow=0.5)


class Workplace:
    """One worker, and the ways between it and the log.

    Attributes:
        dispatched: task run id -> epochs that the worker took.
        ends: task run id and epoch -> how the attempt ended, whether it counted or not.
    """

    def __init__(
        self,
        worker: DriverWorker,
        log: Log,
        queue: WorkQueue,
        clock: ManualClock,
        random: Random,
        mischief: Mischief,
        index: Callable[[], None],
    ) -> None:
        self.worker = worker
        self.log = log
        self.clock = clock
        self.random = random
        self.mischief = mischief
        self.queue = queue
        self.index = index
        self.kills = log.consumer("~driver-kills", (KILL,))
        self.dispatched: dict[str, set[int]] = {}
        self.ends: dict[tuple[str, int], i.TaskRunEnded] = {}
        self._slow: list[TaskJob] = []
        self._late: list[Outgoing] = []

    @property
    def actions(self) -> Sequence[Callable[[], bool]]:
        """What may happen here next; each tells whether it did anything."""
        slow = (self._end_slow_job,) if self._slow else ()
        return (self._take_job, *slow, self._deliver_late, self._hear_kills)

    def _take_job(self) -> bool:
        leases = self.queue.take(1, 0)
        if not leases:
            return False
        lease = leases[0]
        if isinstance(lease.job, Record):
            return self._bury(lease)
        job: WorkerJob = lease.job
        if isinstance(job, TaskJob):
            self.dispatched.setdefault(job.task_run_id, set()).add(job.epoch)
        if isinstance(job, TaskJob) and drawn(self.random, self.mischief.lose_worker):
            self._lose_worker(job)
            self.queue.accept(lease)
            return True
        self.queue.accept(lease)
        if isinstance(job, TaskJob):
            self._report(self.worker.started(job))
            if self.worker.keeps(job):
                return True
            if drawn(self.random, self.mischief.slow):
                self._slow.append(job)
                return True
        self._run(job)
        return True

    def _bury(self, lease: Lease) -> bool:
        """A job that cannot be read: its letter, and a failure for whoever waits for it."""
        now = self.clock.now()
        self.log.send(letters_of_unreadable(lease.job, lease.job.value, now))
        for record in ends_of_unreadable(lease.job.value, "driver", now):
            self._report(record)
        return self.queue.accept(lease)

    def _end_slow_job(self) -> bool:
        self._run(self._slow.pop(self.random.randrange(len(self._slow))))
        return True

    def _run(self, job: WorkerJob) -> None:
        self.index()
        for record in self.worker.run(job):
            if record.topic is EXECUTION_INBOX:
                self._report(record)
            else:
                self.log.send((record,))

    def release(self, task_id: str, value: str | None = None) -> None:
        """Let held attempts of a task (or of one loop value of it) run; `DriverWorker.hold` holds them."""
        for job in self.worker.release(task_id, value):
            self._run(job)

    def _lose_worker(self, job: TaskJob) -> None:
        """A worker has told that it runs the job, and its silence is noticed; it may be late only, and end what nobody waits for."""
        self._report(self.worker.started(job))
        if drawn(self.random, 0.5):
            self._slow.append(job)
        held = ((job.execution_id, job.task_run_id, job.epoch),)
        name = f"lost-{job.task_run_id}-{job.epoch}"
        self.log.send((Outgoing(SERVICE, name, ServiceHeartbeat(name, "WORKER", ServiceState.RUNNING, self.clock.now(), held)),))

    def _report(self, record: Outgoing) -> None:
        """Send a worker's report now, later, or twice."""
        if isinstance(record.value, i.TaskRunEnded):
            self.ends[record.value.task_run_id, record.value.epoch] = record.value
        if drawn(self.random, self.mischief.delay) or drawn(self.random, self.mischief.reorder):
            self._late.append(record)
        else:
            self.log.send((record,))
        if drawn(self.random, self.mischief.double):
            self._late.append(record)

    def _deliver_late(self) -> bool:
        if not self._late:
            return False
        record = self._late.pop(self.random.randrange(len(self._late)))
        self.log.send((record,))
        return True

    def _hear_kills(self) -> bool:
        records = self.kills.poll(100, 0)
        for record in records:
            if isinstance(record.value, Unreadable):
                self.log.send(letters_of_unreadable(record, record.value, self.clock.now()))
                continue
            request: KillRequest = record.value
            for ended in self.worker.kill(request):
                self._report(ended)
        return bool(records)
