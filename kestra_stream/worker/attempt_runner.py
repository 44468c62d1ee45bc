"""One attempt from its context to its packed outputs: (task, frame) -> Ended, with the log lines and metrics that are still to be sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kestra_stream.errors import KestraError
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import Outcome, Outputs, TaskInfo
from kestra_stream.plugin.context.attempt_log import AttemptLog
from kestra_stream.plugin.context.control import Control
from kestra_stream.plugin.context.files import own_folder
from kestra_stream.plugin.context.run_context import AttemptContext
from kestra_stream.plugin.context.secrets import Masker
from kestra_stream.plugin.context.services import Services
from kestra_stream.plugin.context.variables import complete
from kestra_stream.plugin.context.working_directory import AttemptDirectory
from kestra_stream.queue.interface import Outgoing
from kestra_stream.runtime.claim_check import ClaimCheck, TooLarge
from kestra_stream.topics import LOG, METRIC
from kestra_stream.worker.attempt import Result, run_attempt
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_cache import TaskCacheStore

Send = Callable[[Sequence[Outgoing]], None]
Work = Callable[[AttemptContext], Outputs | Outcome]


@dataclass(frozen=True, slots=True)
class Frame:
    """What one attempt stands in.

    Attributes:
        variables: what the job carries for expressions.
        taskrun: what `taskrun` shows.
        control: stop switch of this attempt (a child under a WorkingDirectory has its own).
        directory: shared directory, None for one of its own.
    """

    info: TaskInfo
    variables: Mapping[str, Any]
    taskrun: Mapping[str, object]
    running: RunningJob
    control: Control
    masker: Masker = field(default_factory=Masker)
    directory: AttemptDirectory | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """How an attempt ended: outputs as they travel, and records (log lines, metrics) to be sent with the end.

    Attributes:
        task_runs: children that the attempt has run itself.
    """

    state: StateType
    outputs: Mapping[str, object] | None = None
    error: str | None = None
    log_file: str | None = None
    records: tuple[Outgoing, ...] = ()
    task_runs: tuple[TaskRun, ...] = ()


class AttemptRunner:
    """Runs attempts for one worker."""

    def __init__(self, services: Services, limits: WorkerLimits, send: Send) -> None:
        self._services = services
        self._claims = ClaimCheck(services.engine.storage, limits.spill, limits.message, limits.outputs)
        self._cache = TaskCacheStore(services)
        self._send = send

    def run(self, task: Task, frame: Frame, work: Work | None = None) -> Ended:
        """Run a task (or `work` in its place) once; never raises."""
        info = frame.info
        log = AttemptLog(info, self._services.now, lambda entries: self._send(log_records(entries)), frame.masker, task.log_level)
        if task.log_to_file:
            log.to_file()
        else:
            frame.running.logs.append(log)
        context = AttemptContext(info, self._services, lambda mask: self._variables(task, frame, mask), log, frame.control, frame.directory)
        try:
            result, outputs = self._cached_or_run(task, context, frame, work)
            log_file = self._stored_log(context)
            error = None if result.error is None else frame.masker.mask(result.error)
            metrics = tuple(Outgoing(METRIC, info.execution_id, metric) for metric in context.metrics)
            return Ended(result.state, outputs, error, log_file, (*log_records(log.take()), *metrics))
        finally:
            if not task.log_to_file:
                frame.running.logs.remove(log)
            context.close()

    def _cached_or_run(
        self, task: Task, context: AttemptContext, frame: Frame, work: Work | None
    ) -> tuple[Result, Mapping[str, object] | None]:
        if work is not None or task.task_cache is None or not task.task_cache.enabled:
            result = run_attempt(task, context, frame.running, None if work is None else lambda: work(context))
            return self._packed(result, context)
        key = self._cache.key(task, context)
        cached = self._cache.get(task, context, key)
        if cached is not None:
            context.logger.info("The outputs come from the task cache")
            return self._packed(Result(StateType.SUCCESS, cached), context)
        result = run_attempt(task, context, frame.running)
        if result.state is StateType.SUCCESS:
            self._cache.put(task, context, key, result.outputs)
        return self._packed(result, context)

    def _packed(self, result: Result, context: AttemptContext) -> tuple[Result, Mapping[str, object] | None]:
        """Return the outputs as they travel; an attempt whose outputs cannot travel has failed."""
        if not result.outputs:
            return result, result.outputs
        try:
            return result, self._claims.deposit(context.info.tenant_id, own_folder(context.info), result.outputs)
        except KestraError as error:
            message = f"The outputs {error}" if isinstance(error, TooLarge) else f"Outputs: {error}"
            context.logger.log(Level.ERROR, message)
            return Result(StateType.FAILED, error=message), {}

    def _variables(self, task: Task, frame: Frame, mask: Callable[[str], None]) -> dict[str, object]:
        return complete(frame.variables, frame.info, {"id": task.id, "type": task.type}, frame.taskrun, self._services, mask)

    def _stored_log(self, context: AttemptContext) -> str | None:
        file = context.logger.file()
        return None if file is None else context.files.put(file, f"logs-{context.info.attempt}.log")


def log_records(entries: Sequence[LogEntry]) -> tuple[Outgoing, ...]:
    """Lines as records of the log topic."""
    return tuple([Outgoing(LOG, entry.execution_id, entry) for entry in entries])
