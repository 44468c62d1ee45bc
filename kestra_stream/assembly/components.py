"""Components: equipment in, each part of a process out."""

from kestra_stream.assembly.equipment import Equipment
from kestra_stream.executor.liveness import Liveness
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.processor import Executor
from kestra_stream.executor.recall import PastReader, Recalls
from kestra_stream.executor.worker_groups import WorkerGroups
from kestra_stream.indexer.processor import Indexer
from kestra_stream.limiter.flow_limits import FlowLimits
from kestra_stream.limiter.processor import Limiter
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.queue.serde import to_bytes
from kestra_stream.repository.interface import Repository
from kestra_stream.runtime.cleaner import Cleaner
from kestra_stream.runtime.loop import Loop
from kestra_stream.runtime.observation.heartbeat import Heartbeat
from kestra_stream.runtime.processor import Processor
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.processor import Worker


class Components:
    """Builds the parts of one process."""

    def __init__(self, equipment: Equipment) -> None:
        self._equipment = equipment

    def executor(self) -> Executor:
        """Build the processor of executions."""
        plans = Plans(self._equipment.table.get, self._equipment.services.vault, self._equipment.services.server)
        repository = self._equipment.backend.repository
        has_worker = WorkerGroups(self._equipment.backend.log).has_worker
        if self._equipment.backend.has_repository:
            return Executor(plans, lambda execution_id: history(repository, execution_id), has_worker=has_worker)
        most_live = self._equipment.settings.engine.state.most_live_executions
        return Executor(
            plans, lambda _: None, Recalls(PastReader(self._equipment.backend.log, self._equipment.clock)), most_live, has_worker
        )

    def liveness(self) -> Liveness:
        """Build the processor that notices the end of workers: it belongs to the executors, whose inbox it tells."""
        return Liveness(self._equipment.settings.server.liveness.timeout)

    def limiter(self) -> Limiter:
        """Build the processor of concurrency scopes."""
        return Limiter()

    def flow_limits(self) -> FlowLimits:
        """Build the processor that tells of limits: it belongs to the limiters, whose inbox it tells."""
        return FlowLimits(self._equipment.table.get)

    def indexer(self) -> Indexer:
        """Build the processor of projections."""
        repository = self._equipment.backend.repository
        return Indexer(repository.executions, repository.logs, repository.metrics)

    def cleaner(self) -> Cleaner:
        """Build the part that sweeps from time to time: it belongs to the executors."""
        cleanup = self._equipment.settings.storage.cleanup
        return Cleaner(self._equipment.sweep(), self._equipment.backend.storage, self._equipment.clock.now, cleanup.interval, cleanup.age)

    def heartbeat(self, service_id: str, service_type: str) -> Heartbeat:
        """Build the part that tells of a process without a worker."""
        interval = self._equipment.settings.server.liveness.heartbeat_interval
        return Heartbeat(self._equipment.backend.log, service_id, service_type, self._equipment.clock.now, interval)

    def worker(self, worker_id: str) -> Worker:
        """Build a worker of the group that the settings name."""
        settings = self._equipment.settings
        limits = WorkerLimits(
            slots=settings.worker.slots,
            group=settings.worker.group,
            spill=settings.worker.spill_bytes,
            outputs=settings.worker.most_output_bytes,
            heartbeat=settings.server.liveness.heartbeat_interval.total_seconds(),
            drain=settings.server.termination_grace_period.total_seconds(),
        )
        queue = self._equipment.backend.work_queue(settings.worker.group)
        return Worker(self._equipment.backend.log, queue, self._equipment.table.get, self._equipment.services, worker_id, limits)

    def loop(self, processor: Processor) -> Loop:
        """Let a processor join its group."""
        return Loop(
            processor, self._equipment.backend.log, self._equipment.clock, lambda record: to_bytes(record.value), self._equipment.metrics
        )


def history(repository: Repository, execution_id: str) -> tuple[Execution, list[TaskRun], int] | None:
    """Return an execution as the repository knows it."""
    head = repository.executions.get(execution_id)
    if head is None:
        return None
    return head, list(repository.executions.task_runs(execution_id)), repository.executions.sequence(execution_id)
