"""The driver's worker: runs a job at once in the calling thread, really or with an outcome that the test has set."""

from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from threading import Timer
from typing import Any

from kestra_stream.engine.plan import Server
from kestra_stream.models import execution_input as i
from kestra_stream.models.duration import format_duration
from kestra_stream.models.messages import KillRequest, TaskJob, WorkerJob
from kestra_stream.models.state import S, StateType
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.control import Control, StopReason
from kestra_stream.plugin.context.encryption import Cipher, Vault
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Outgoing
from kestra_stream.repository.interface import Repository
from kestra_stream.storage.interface import Storage
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import EXECUTION_INBOX
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.pool.interrupt import Interruptible
from kestra_stream.worker.pool.kills import Kills, matches
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_run import JobRunner
from kestra_stream.worker.task_table import FlowLookup

ENCRYPTION_KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"""The server's key in tests: it opens SECRET inputs and outputs."""
Result = StateType | tuple[StateType, Mapping[str, Any]]
Outcomes = Mapping[str, Sequence[Result]]
"""Task id -> the result of each attempt in turn (the last one repeats); a state, or a state with outputs."""


class TimedJob(RunningJob):
    """A job whose timeouts run by the real clock, as what it does takes real time."""

    __slots__ = ()

    @contextmanager
    def guard(self, control: Control, interruptible: Interruptible, timeout: float | None) -> Generator[None, None, None]:
        """Stop what runs in the block after `timeout` seconds."""
        with super().guard(control, interruptible, timeout):
            if timeout is None:
                yield
                return
            timer = Timer(timeout, control.stop, (StopReason.TIMED_OUT, format_duration(timedelta(seconds=timeout))))
            timer.start()
            try:
                yield
            finally:
                timer.cancel()
                timer.join()


class DriverWorker:
    """Runs jobs without threads."""

    def __init__(
        self,
        flows: FlowLookup,
        repository: Repository,
        storage: Storage | None,
        clock: ManualClock,
        outcomes: Outcomes,
        vault: Vault,
    ) -> None:
        self._clock = clock
        self._outcomes = outcomes
        self._kills = Kills()
        self._tries: Counter[str] = Counter()
        self._sent: list[Outgoing] = []
        self._flows = flows
        self._held_tasks: set[str] = set()
        self._held: list[TaskJob] = []
        self._runner: JobRunner | None = None
        self.server = Server()
        self.services: Services | None = None
        if storage is not None:
            self.equip(Services(EngineAccess(repository, storage, self._command), clock.now, cipher=Cipher(ENCRYPTION_KEY), vault=vault))

    def equip(self, services: Services | None = None, **changes: Any) -> None:
        """Give the attempts to come other services, or change some of them (globals, ...)."""
        services = services or self.services
        if services is None:
            raise AssertionError("give the driver a storage first")
        self.services = replace(services, **changes)
        self.server = self.services.server
        self._runner = JobRunner(self._flows, self.services, WorkerLimits(slots=1), "driver", self._sent.extend)

    def hold(self, *task_ids: str) -> None:
        """Begin attempts of these tasks, but do not end them before they are released (or killed)."""
        self._held_tasks.update(task_ids)

    def keeps(self, job: TaskJob) -> bool:
        """Whether a job's task is held; then the job is kept until it is released."""
        if job.task_id not in self._held_tasks or self._kills.covers(job):
            return False
        self._held.append(job)
        return True

    def release(self, task_id: str, value: str | None = None) -> list[TaskJob]:
        """Return what was kept of a task (or of one loop value of it); without a value the task is not held any more."""
        if value is None:
            self._held_tasks.discard(task_id)
        free = [job for job in self._held if job.task_id == task_id and value in {None, job.value}]
        self._held = [job for job in self._held if job not in free]
        return free

    def started(self, job: TaskJob) -> Outgoing:
        """Tell that a job runs."""
        return Outgoing(EXECUTION_INBOX, job.execution_id, i.TaskRunStarted(job.task_run_id, job.epoch, "driver", self._clock.now()))

    def run(self, job: WorkerJob) -> Sequence[Outgoing]:
        """Run a job; return all that it sends."""
        if isinstance(job, TaskJob):
            if self._kills.covers(job):
                return (self._ended(job, S.KILLED),)
            results = self._outcomes.get(job.task_id)
            if results is not None or self._runner is None:
                self._tries[job.task_run_id] += 1
                result = results[min(self._tries[job.task_run_id], len(results)) - 1] if results else S.SUCCESS
                return (self._ended(job, result),)
        if self._runner is None:
            raise AssertionError("this flow looks something up: give the driver a storage")
        self._sent.clear()
        ended = self._runner.run(TimedJob(job, self._clock.now()))
        return (*self._sent, *ended)

    def kill(self, request: KillRequest) -> Sequence[Outgoing]:
        """Remember what is not to be worked on any more; return the ends of held attempts that it means."""
        self._kills.remember(request)
        stopped = [job for job in self._held if matches(request, job)]
        self._held = [job for job in self._held if job not in stopped]
        return [self._ended(job, S.KILLED) for job in stopped]

    def _command(self, execution_id: str, message: object) -> None:
        self._sent.append(Outgoing(EXECUTION_INBOX, execution_id, message))

    def _ended(self, job: TaskJob, result: Result) -> Outgoing:
        state, outputs = result if isinstance(result, tuple) else (result, {})
        now = self._clock.now()
        error = "as the test wants it" if state is S.FAILED else None
        ended = i.TaskRunEnded(job.task_run_id, job.epoch, state, now, now, dict(outputs), error, worker_id="driver")
        return Outgoing(EXECUTION_INBOX, job.execution_id, ended)
