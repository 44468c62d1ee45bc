"""Runs one job: (TaskJob or LookupJob) -> the records that tell how it ended. What a plugin does wrong costs this job only."""

import logging
from collections.abc import Mapping, Sequence

from kestra_stream.errors import KestraError, Retryable
from kestra_stream.models.behaviour import Run
from kestra_stream.models.execution_input import TaskRunEnded
from kestra_stream.models.messages import LookupJob, TaskJob
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import Stopped, TaskInfo
from kestra_stream.plugin.context.control import StopReason
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Outgoing
from kestra_stream.topics import EXECUTION_INBOX, LOG
from kestra_stream.worker.attempt_runner import AttemptRunner, Ended, Frame, Send
from kestra_stream.worker.directory_task import DirectoryRun
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.lookup import answer
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_table import FlowLookup, TaskTable

logger = logging.getLogger(__name__)

_BETWEEN_TRIES = 1.0


class JobRunner:
    """Runs jobs, each in the thread that calls.

    Args:
        flows: where the flow of a job is found.
        services: what all attempts share.
        limits: what one attempt may do.
        worker_id: who says so.
        send: appends records before the end of a job: lines of a long log, reports of children.
    """

    def __init__(self, flows: FlowLookup, services: Services, limits: WorkerLimits, worker_id: str, send: Send) -> None:
        self._tasks = TaskTable(flows)
        self._services = services
        self._attempts = AttemptRunner(services, limits, send)
        self._worker_id = worker_id
        self._send = send

    def run(self, running: RunningJob) -> Sequence[Outgoing]:
        """Run the job; return its log lines and metrics, and last the input that tells how it ended. Never raises."""
        job = running.job
        if isinstance(job, LookupJob):
            return (Outgoing(EXECUTION_INBOX, job.execution_id, answer(job, self._services)),)
        try:
            ended = self._run_task(self._task(job, running), job, running)
        except Stopped:
            ended = Ended(StateType.KILLED)  # before it began
        except Exception as error:  # noqa: BLE001 - the border of an attempt: storage or flow table may raise anything
            message = str(error) if isinstance(error, KestraError) else f"{type(error).__name__}: {error}"
            ended = Ended(StateType.FAILED, error=message, records=(self._error_line(job, message),))
        return (*ended.records, self.ended(running, job, ended))

    def _task(self, job: TaskJob, running: RunningJob) -> Task:
        """Return the task of a job; a log that does not give its flow is waited for.

        Raises:
            NotFound: there is no such task.
            Stopped: nobody wants it any more.
        """
        while True:
            try:
                return self._tasks.find(job.tenant_id, job.namespace, job.flow_id, job.flow_revision, job.task_id)
            except Retryable as error:
                logger.warning("%s.%s can not be looked up: %s; trying again", job.namespace, job.flow_id, error)
                running.control.sleep(_BETWEEN_TRIES)

    def given_up(self, running: RunningJob, job: TaskJob) -> Sequence[Outgoing]:
        """What is told of a job that does not stop."""
        timed_out = running.control.reason is StopReason.TIMED_OUT
        why = f"Timeout after {running.control.detail}" if timed_out else "Killed"
        message = f"{why}; the task does not stop, its thread is given up"
        ended = Ended(StateType.FAILED, error=message) if timed_out else Ended(StateType.KILLED)
        return (self._error_line(job, message), self.ended(running, job, ended))

    def ended(self, running: RunningJob, job: TaskJob, ended: Ended) -> Outgoing:
        """The input that tells how a job ended."""
        return Outgoing(
            EXECUTION_INBOX,
            job.execution_id,
            TaskRunEnded(
                task_run_id=job.task_run_id,
                epoch=job.epoch,
                state=ended.state,
                started_at=running.started_at,
                ended_at=self._services.now(),
                outputs=ended.outputs,
                error=ended.error,
                log_file=ended.log_file,
                task_runs=ended.task_runs,
                worker_id=self._worker_id,
            ),
        )

    def _run_task(self, task: Task, job: TaskJob, running: RunningJob) -> Ended:
        frame = Frame(info_of(job), job.variables, taskrun_of(job), running, running.control)
        behaviour = task.behaviour()
        if isinstance(behaviour, Run) and behaviour.tasks:
            return DirectoryRun(self._attempts, self._services, self._send, frame, job).run(task, behaviour.tasks)
        return self._attempts.run(task, frame)

    def _error_line(self, job: TaskJob, message: str) -> Outgoing:
        entry = LogEntry(
            id=f"{job.task_run_id}-{job.attempt}-error",
            execution_id=job.execution_id,
            namespace=job.namespace,
            flow_id=job.flow_id,
            timestamp=self._services.now(),
            level=Level.ERROR,
            message=message,
            task_id=job.task_id,
            task_run_id=job.task_run_id,
            attempt_number=job.attempt,
            tenant_id=job.tenant_id,
        )
        return Outgoing(LOG, job.execution_id, entry)


def info_of(job: TaskJob) -> TaskInfo:
    """Which task run a job is."""
    return TaskInfo(
        job.tenant_id,
        job.namespace,
        job.flow_id,
        job.flow_revision,
        job.execution_id,
        job.task_id,
        job.task_run_id,
        job.attempt,
        job.value,
        job.iteration,
    )


def taskrun_of(job: TaskJob) -> Mapping[str, object]:
    """What `taskrun` shows in expressions."""
    shown: dict[str, object] = {
        "id": job.task_run_id,
        "startDate": job.created_at.isoformat().replace("+00:00", "Z"),
        "attemptsCount": job.attempt,
    }
    placed = {"parentId": job.parent_id, "value": job.value, "iteration": job.iteration}
    return shown | {name: value for name, value in placed.items() if value is not None}
