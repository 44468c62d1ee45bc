"""Equipment: what the components of one process share, and how each of them is built from it."""

import os
from collections.abc import Callable
from typing import Any

from kestra_stream.assembly.backend import Backend
from kestra_stream.executor.liveness import Liveness
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.processor import Executor
from kestra_stream.executor.recall import PastReader, Recalls
from kestra_stream.executor.worker_groups import WorkerGroups
from kestra_stream.expression.dates.zones import zone_of
from kestra_stream.indexer.processor import Indexer
from kestra_stream.limiter.flow_limits import FlowLimits
from kestra_stream.limiter.processor import Limiter
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.encryption import Cipher, Vault
from kestra_stream.plugin.context.services import Services
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.plugin.registry import Registry, default_registry
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.serde import to_bytes
from kestra_stream.repository.interface import Repository
from kestra_stream.runtime.claim_check import ClaimCheck
from kestra_stream.runtime.cleaner import Cleaner
from kestra_stream.runtime.clock import Clock, SystemClock
from kestra_stream.runtime.flow_table import FlowTable
from kestra_stream.runtime.loop import Loop
from kestra_stream.runtime.observation.heartbeat import Heartbeat
from kestra_stream.runtime.observation.metrics import Metrics
from kestra_stream.runtime.orphans import OrphanSweep
from kestra_stream.runtime.processor import Processor
from kestra_stream.settings import Settings
from kestra_stream.topics import EXECUTION_INBOX
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.processor import Worker


class Equipment:
    """What components share: settings, an open backend, the table of flows, what attempts may use.

    Attributes:
        table: all flows.
        services: what attempts share.
        metrics: the figures of the process.
    """

    def __init__(self, settings: Settings, backend: Backend, clock: Clock | None = None, registry: Registry | None = None) -> None:
        self.settings = settings
        self.backend = backend
        self.clock = clock or SystemClock()
        self.registry = registry or default_registry()
        self.table = FlowTable(backend.log, self.parse)
        self.services = worker_services(settings, backend, self.clock, self._command)
        self.metrics = Metrics()
        self._defaults = [default.model_dump() for default in settings.plugins.defaults]

    def parse(self, source: FlowSource) -> Flow:
        """Turn a stored source into a flow."""
        flow = parse_flow(source.source, registry=self.registry, defaults=self._defaults)
        return flow.model_copy(update={"revision": source.revision, "tenant_id": source.tenant_id})

    def executor(self) -> Executor:
        """Build the processor of executions."""
        plans = Plans(self.table.get, self.services.vault, self.services.server)
        repository = self.backend.repository
        has_worker = WorkerGroups(self.backend.log).has_worker
        if self.backend.has_repository:
            return Executor(plans, lambda execution_id: history(repository, execution_id), has_worker=has_worker)
        most_live = self.settings.engine.state.most_live_executions
        return Executor(plans, lambda _: None, Recalls(PastReader(self.backend.log, self.clock)), most_live, has_worker)

    def liveness(self) -> Liveness:
        """Build the processor that notices the end of workers: it belongs to the executors, whose inbox it tells."""
        return Liveness(self.settings.server.liveness.timeout)

    def limiter(self) -> Limiter:
        """Build the processor of concurrency scopes."""
        return Limiter()

    def flow_limits(self) -> FlowLimits:
        """Build the processor that tells of limits: it belongs to the limiters, whose inbox it tells."""
        return FlowLimits(self.table.get)

    def indexer(self) -> Indexer:
        """Build the processor of projections."""
        repository = self.backend.repository
        return Indexer(repository.executions, repository.logs, repository.metrics)

    def sweep(self) -> OrphanSweep:
        """Build what finds files that nothing names any more."""
        return OrphanSweep(self.backend.log, self.backend.storage, self.table.tenants)

    def cleaner(self) -> Cleaner:
        """Build the part that sweeps from time to time: it belongs to the executors."""
        cleanup = self.settings.storage.cleanup
        return Cleaner(self.sweep(), self.backend.storage, self.clock.now, cleanup.interval, cleanup.age)

    def heartbeat(self, service_id: str, service_type: str) -> Heartbeat:
        """Build the part that tells of a process without a worker."""
        interval = self.settings.server.liveness.heartbeat_interval
        return Heartbeat(self.backend.log, service_id, service_type, self.clock.now, interval)

    def worker(self, worker_id: str) -> Worker:
        """Build a worker of the group that the settings name."""
        settings = self.settings
        limits = WorkerLimits(
            slots=settings.worker.slots,
            group=settings.worker.group,
            spill=settings.worker.spill_bytes,
            outputs=settings.worker.most_output_bytes,
            heartbeat=settings.server.liveness.heartbeat_interval.total_seconds(),
            drain=settings.server.termination_grace_period.total_seconds(),
        )
        queue = self.backend.work_queue(settings.worker.group)
        return Worker(self.backend.log, queue, self.table.get, self.services, worker_id, limits)

    def loop(self, processor: Processor) -> Loop:
        """Let a processor join its group."""
        return Loop(processor, self.backend.log, self.clock, lambda record: to_bytes(record.value), self.metrics)

    def _command(self, execution_id: str, message: Any) -> None:
        self.backend.log.send((Outgoing(EXECUTION_INBOX, execution_id, message),))


def worker_services(settings: Settings, backend: Backend, clock: Clock, command: Callable[[str, object], None]) -> Services:
    """Assemble what all attempts share."""
    prefix = settings.variables.env_vars_prefix
    return Services(
        engine=EngineAccess(backend.repository, backend.storage, command),
        now=clock.now,
        cipher=Cipher(settings.encryption_key),
        vault=Vault(settings.encryption_key),
        envs={name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)},
        globals=settings.variables.globals_,
        kestra={"url": settings.url} if settings.url else {},
        fetch=ClaimCheck(backend.storage).fetch,
        zone=zone_of(settings.time_zone),
        recursive=settings.variables.recursive_rendering,
        most_loop_values=settings.engine.most_loop_values,
    )


def history(repository: Repository, execution_id: str) -> tuple[Execution, list[TaskRun], int] | None:
    """Return an execution as the repository knows it."""
    head = repository.executions.get(execution_id)
    if head is None:
        return None
    return head, list(repository.executions.task_runs(execution_id)), repository.executions.sequence(execution_id)
