"""The driver's worker: runs a job at once in the calling thread, really or with an outcome that the test has set."""

from collections.abc import Mapping, Sequence
from typing import Any

from kestra_stream.engine.plan import Server
from kestra_stream.models import execution_input as i
from kestra_stream.models.messages import KillRequest, TaskJob, WorkerJob
from kestra_stream.models.state import S, StateType
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.encryption import Vault
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Outgoing
from kestra_stream.repository.interface import Repository
from kestra_stream.storage.interface import Storage
from kestra_stream.testing.clock import ManualClock
from kestra_stream.topics import EXECUTION_INBOX
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.pool.kills import Kills
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_run import JobRunner
from kestra_stream.worker.task_table import FlowLookup

Result = StateType | tuple[StateType, Mapping[str, Any]]
Outcomes = Mapping[str, Sequence[Result]]
"""Task id -> the result of each attempt in turn (the last one repeats); a state, or a state with outputs."""


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
        self._sent: list[Outgoing] = []
        self._runner: JobRunner | None = None
        self.server = Server()
        if storage is not None:
            services = Services(EngineAccess(repository, storage, self._command), clock.now, vault=vault)
            self.server = services.server
            self._runner = JobRunner(flows, services, WorkerLimits(slots=1), "driver", self._sent.extend)

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
                result = results[min(job.attempt, len(results) - 1)] if results else S.SUCCESS
                return (self._ended(job, result),)
        if self._runner is None:
            raise AssertionError("this flow looks something up: give the driver a storage")
        self._sent.clear()
        ended = self._runner.run(RunningJob(job, self._clock.now()))
        return (*self._sent, *ended)

    def kill(self, request: KillRequest) -> None:
        """Remember what is not to be worked on any more."""
        self._kills.remember(request)

    def _command(self, execution_id: str, message: Any) -> None:
        self._sent.append(Outgoing(EXECUTION_INBOX, execution_id, message))

    def _ended(self, job: TaskJob, result: Result) -> Outgoing:
        state, outputs = result if isinstance(result, tuple) else (result, {})
        now = self._clock.now()
        error = "as the test wants it" if state is S.FAILED else None
        ended = i.TaskRunEnded(job.task_run_id, job.epoch, state, now, now, dict(outputs), error, worker_id="driver")
        return Outgoing(EXECUTION_INBOX, job.execution_id, ended)
