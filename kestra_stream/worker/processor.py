"""The worker: jobs in from the work queue, their ends out to the execution inbox; one slot for each job that runs.

How a job is told and accepted (promise 4):
    short   lease ── run ── [logs, metrics, TaskRunEnded] ── acknowledged ── accept
    long    lease ── run ── TaskRunStarted ── acknowledged ── accept ── ... ── [logs, metrics, TaskRunEnded]
Until one of the two records is durable the lease guards the job: if this process dies, the job comes back by itself and nobody has
heard of the first try. From then on the heartbeat in `service`, which names the dispatches held, guards it.
"""

import logging
import time
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any

from kestra_stream.errors import Fatal, Retryable
from kestra_stream.models.execution_input import TaskRunStarted
from kestra_stream.models.messages import KillRequest, LookupJob, ServiceHeartbeat, ServiceState, TaskJob
from kestra_stream.models.state import StateType
from kestra_stream.plugin.context.control import StopReason
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Lease, Log, Outgoing, Record, Unreadable, WorkQueue
from kestra_stream.topics import EXECUTION_INBOX, SERVICE
from kestra_stream.worker.attempt_runner import Ended, log_records
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.pool.ear import Ear
from kestra_stream.worker.pool.kills import Kills, matches
from kestra_stream.worker.pool.leases import Leases
from kestra_stream.worker.pool.outbox import Outbox
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.pool.slots import Slots
from kestra_stream.worker.pool.watchdog import Watchdog
from kestra_stream.worker.task_run import JobRunner
from kestra_stream.worker.task_table import FlowLookup
from kestra_stream.worker.unreadable_job import ends_of_unreadable, letters_of_unreadable

logger = logging.getLogger(__name__)

_TAKE_SECONDS = 1.0
_FIRST_LOOK = 0.001
_LAST_RECORDS = 2.0
# As long as a lease lasts: what the log has not acknowledged by then runs elsewhere.
_LAST_ACCEPTED = 10.0


class Worker:
    """One worker of one group.

    Args:
        log: where everything is sent, and where kill requests are read.
        queue: the group's jobs; the worker closes it when it stops.
        flows: where the flow of a job is found.
        services: what attempts may use.
        worker_id: unique among all processes, new at each start.
    """

    def __init__(
        self, log: Log, queue: WorkQueue, flows: FlowLookup, services: Services, worker_id: str, limits: WorkerLimits | None = None
    ) -> None:
        self.limits = limits or WorkerLimits()
        self.worker_id = worker_id
        self.error: BaseException | None = None
        self.jobs_begun = 0
        self.dead_letters = 0
        self._log, self._leases = log, Leases(queue)
        self._services = services
        self.outbox = Outbox(log)
        self._runner = JobRunner(flows, services, self.limits, worker_id, self._send)
        self._slots: Slots[Lease] = Slots(self.limits.slots, self._work, f"worker-{worker_id}")
        self._running: dict[int, tuple[RunningJob, Lease]] = {}
        self._dispatches: set[str] = set()
        self._held: dict[str, tuple[str, str, int]] = {}
        self._kills = Kills()
        self._watchdog = Watchdog(lambda: [job for job, _ in tuple(self._running.values())], self, self.limits)
        self._stopping, self._stopped = Event(), Event()
        self._ear = Ear(log, worker_id, self._heard, self.beat, self.limits.heartbeat, self._stopped)
        self._threads = (
            Thread(target=self._guarded, args=(self._take_jobs,), name=f"worker-{worker_id}-taker", daemon=True),
            Thread(target=self._guarded, args=(self._listen,), name=f"worker-{worker_id}-listener", daemon=True),
        )

    @property
    def busy_slots(self) -> int:
        """How many slots run a job."""
        return self._slots.busy

    @property
    def jobs_waiting(self) -> int:
        """How many jobs of its group wait, as far as it knows of them."""
        return self._leases.waiting

    @property
    def is_taking(self) -> bool:
        """Whether it takes jobs now."""
        return self.error is None and not self._stopping.is_set() and self._ear.has_caught_up

    def start(self) -> None:
        """Take jobs from now on."""
        self._watchdog.start()
        for thread in self._threads:
            thread.start()

    def stop(self, drain: float | None = None) -> None:
        """Take no more jobs, let those that run end (for `drain` seconds), give back the others, and end all threads."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        deadline = time.monotonic() + (self.limits.drain if drain is None else drain)
        for job, _ in tuple(self._running.values()):
            self.announce(job)
        for lease in self._slots.take_back():
            self._leases.release(lease)
        # what runs is accepted before the queue takes back what is not: another worker would begin it a second time
        self._leases.settle(min(max(deadline - time.monotonic(), _LAST_RECORDS), _LAST_ACCEPTED), self.flush, self.limits.tick)
        self._leases.close()
        if not self._slots.wait_idle(max(deadline - time.monotonic(), 0.0)):
            for job, _ in tuple(self._running.values()):
                job.control.stop(StopReason.ABANDONED)
            self._slots.wait_idle(self.limits.interrupt_after + self.limits.abandon_after)
        self.flush(_LAST_RECORDS)
        self._stopped.set()
        self._ear.wake()
        self._slots.close(timeout=1.0)
        self._watchdog.close()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def hurry(self) -> None:
        """End what still runs, while `stop` waits for it: what was told to have begun is run elsewhere."""
        for job, _ in tuple(self._running.values()):
            job.control.stop(StopReason.ABANDONED)

    def kill(self, request: KillRequest) -> None:
        """Stop what runs of this request, and remember it for what comes."""
        self._kills.remember(request)
        for job, _ in tuple(self._running.values()):
            if isinstance(job.job, TaskJob) and matches(request, job.job):
                job.control.stop(StopReason.KILLED)

    def announce(self, job: RunningJob) -> None:
        """Tell that a job runs; once that is durable, accept it."""
        if not isinstance(job.job, TaskJob) or not job.announce():
            return
        task_job = job.job
        started = TaskRunStarted(task_job.task_run_id, task_job.epoch, self.worker_id, job.started_at)
        pair = self._running.get(id(job))
        if pair is not None:
            self._held[_key(task_job)] = (task_job.execution_id, task_job.task_run_id, task_job.epoch)
            # the heartbeat that guards the job goes ahead of it: there is no moment in which nobody does
            records = (self._heartbeat(), Outgoing(EXECUTION_INBOX, task_job.execution_id, started))
            self.outbox.add(records, lambda: self._accept(job, pair[1]))
            self.flush()

    def send_logs(self, job: RunningJob) -> None:
        """Send the lines that a job has written so far."""
        records = [record for log in tuple(job.logs) for record in log_records(log.take())]
        if records:
            self.outbox.add(records)

    def abandon(self, job: RunningJob) -> None:
        """Give up the thread of a job that does not stop, and tell its end."""
        if isinstance(job.job, TaskJob) and job.end():
            logger.warning("The task run %s does not stop; its thread is given up", job.job.task_run_id)
            self._tell_end(job, self._runner.given_up(job, job.job))
            self._slots.abandon(job.thread)

    def flush(self, patience: float = 0.0) -> bool:
        """Send what waits; a log that refuses this process for good stops the worker: False."""
        try:
            self.outbox.flush(patience)
        except Fatal as error:
            self._fail(error)
        return self.error is None

    def _work(self, lease: Lease) -> None:
        """Run one job in a slot."""
        key = _key(lease.job)
        if self._stopping.is_set():
            self._leases.release(lease)
            return
        if key in self._dispatches:
            # the lease has ended while the job runs here: it came back to where it is
            self._leases.accept(lease)
            return
        job = RunningJob(lease.job, self._services.now())
        self.jobs_begun += 1
        self._dispatches.add(key)
        self._running[id(job)] = (job, lease)
        if self._stopping.is_set():  # since a moment ago: `stop` may have passed this job over
            self.announce(job)
        self._watchdog.wake()
        if isinstance(lease.job, TaskJob) and self._kills.covers(lease.job):
            records: Sequence[Outgoing] = (self._runner.ended(job, lease.job, Ended(StateType.KILLED)),)
        else:
            records = self._runner.run(job)
        if job.end():
            self._tell_end(job, records)

    def _tell_end(self, job: RunningJob, records: Sequence[Outgoing]) -> None:
        key = _key(job.job)
        _, lease = self._running.pop(id(job))
        self._dispatches.discard(key)
        if job.control.reason is StopReason.ABANDONED:
            # what is held still when the worker ends comes back by its last heartbeat, what was not accepted by its lease
            if self._leases.release(lease):
                self._held.pop(key, None)
            return
        self.outbox.add(records, lambda: self._done(key, job, lease))
        # in the middle of a batch of short jobs the next one, or the taker, sends for all
        if not self._slots.has_ready:
            self.flush()

    def _accept(self, job: RunningJob, lease: Lease) -> None:
        if not self._leases.accept(lease):
            logger.warning("The lease %s had ended; the job runs elsewhere", lease.id)
            self._held.pop(_key(job.job), None)
            job.control.stop(StopReason.ABANDONED)

    def _done(self, key: str, job: RunningJob, lease: Lease) -> None:
        if not job.announced:
            self._leases.accept(lease)
        self._held.pop(key, None)

    def _send(self, records: Sequence[Outgoing]) -> None:
        """Send in the middle of a job; a job that writes faster than the log takes waits here."""
        if records:
            self.outbox.add(records)
            self.flush()
            while self.outbox.is_full and not self._stopped.wait(self.limits.tick):
                self.flush()

    def _take_jobs(self) -> None:
        while not self._stopping.is_set():
            is_held = self.outbox.is_full or not self._ear.has_caught_up
            free = 0 if is_held else self._slots.wait_free(_TAKE_SECONDS)
            leases = [lease for lease in _leased(self._leases, free) if not self._bury(lease)]
            if not leases:
                self._stopping.wait(self.limits.tick)
                continue
            self._slots.offer(leases)
            threads, wait = 1, _FIRST_LOOK
            while not self._slots.wait_taken(wait) and not self._stopping.is_set():
                self._slots.nudge(threads)
                threads *= 2
                self.flush()

    def _bury(self, lease: Lease) -> bool:
        """Take a job that cannot be read out of the line: to the dead letters, and a failure to whoever waits for it; False for others."""
        record = lease.job
        if not isinstance(record, Record):
            return False
        self._send_letters(record)
        self.outbox.add(ends_of_unreadable(record.value, self.worker_id, self._services.now()), lambda: self._leases.accept(lease))
        self.flush()
        return True

    def _send_letters(self, record: Record) -> None:
        logger.error("%s/%s/%s cannot be read: %s", record.topic, record.partition, record.offset, record.value.error)
        self.dead_letters += 1
        self.outbox.add(letters_of_unreadable(record, record.value, self._services.now()))

    def _listen(self) -> None:
        """Hear of kills and give signs of life; the last one names what is held still."""
        self._ear.listen()
        self.beat(ended=True)

    def _heard(self, record: Record) -> None:
        if isinstance(record.value, KillRequest):
            self.kill(record.value)
        elif isinstance(record.value, Unreadable):
            self._send_letters(record)

    def beat(self, *, ended: bool = False) -> None:
        """Tell that this worker lives, or has ended."""
        self.outbox.add((self._heartbeat(ended=ended),))
        self.flush(_LAST_RECORDS if ended else 0.0)

    def _heartbeat(self, *, ended: bool = False) -> Outgoing:
        alive = ServiceState.TERMINATING if self._stopping.is_set() else ServiceState.RUNNING
        state = ServiceState.TERMINATED if ended else alive
        beat = ServiceHeartbeat(self.worker_id, "WORKER", state, self._services.now(), tuple(self._held.values()), self.limits.group)
        return Outgoing(SERVICE, self.worker_id, beat)

    def _guarded(self, loop: Any) -> None:
        """The border of a loop: what ends it is kept in `error`, and the worker takes no more jobs."""
        try:
            loop()
        except Exception as error:  # noqa: BLE001 - the border of the loop
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        if self.error is None and not self._stopping.is_set():
            logger.error("The worker %s stops: %s", self.worker_id, error, exc_info=None if isinstance(error, Fatal) else error)
            self.error = error


def _leased(leases: Leases, free: int) -> Sequence[Lease]:
    """Take jobs; those that lie in a storage that is away wait for it."""
    try:
        return () if free == 0 else leases.take(free, _TAKE_SECONDS)
    except Retryable as error:
        logger.warning("No job can be taken: %s; trying again", error)
        return ()


def _key(job: TaskJob | LookupJob) -> str:
    return f"{job.task_run_id}:{job.epoch}" if isinstance(job, TaskJob) else f"{job.execution_id}:{job.lookup_id}"
