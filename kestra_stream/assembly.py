"""Assembly: settings -> a running engine. The only module that names concrete backends."""

import gc
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kestra_stream.executor.liveness import Liveness
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.processor import Executor
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
from kestra_stream.plugin.registry import Registry, default_registry, find_storage
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.serde import to_bytes
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory import memory_repository
from kestra_stream.runtime.claim_check import ClaimCheck
from kestra_stream.runtime.clock import Clock, SystemClock
from kestra_stream.runtime.flow_table import FlowTable
from kestra_stream.runtime.identity import new_id
from kestra_stream.runtime.lifecycle import Crashed, Lifecycle
from kestra_stream.runtime.loop import Loop, LoopGroup
from kestra_stream.settings import RetrySettings, Settings, StorageSettings
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.local import LocalStorage
from kestra_stream.storage.s3 import open_minio, open_s3
from kestra_stream.webserver.evaluation import door_evaluation
from kestra_stream.webserver.files import store_input_file
from kestra_stream.webserver.services import Door, ExecutionService, FlowService
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.processor import Worker
from kestra_stream.worker.task_table import all_tasks

# Live executions are trees without cycles that reference counts free: see docs/decisions/0004-the-garbage-collector.md.
_COLLECTOR = (200_000, 500, 1_000)


@dataclass(frozen=True, slots=True)
class Backend:
    """One family of backends, opened."""

    log: MemoryLog
    repository: Repository
    storage: Storage


def memory_backend(settings: Settings, clock: Clock, storage: Storage | None = None) -> Backend:
    """Open the memory family, with the storage of the settings unless another one is given."""
    log = MemoryLog(clock.now)
    return Backend(log, memory_repository(settings.repository.most_executions), storage or open_storage(settings.storage, settings.retries))


def open_storage(settings: StorageSettings, retries: RetrySettings | None = None) -> Storage:
    """Open the local storage, a bucket, or the storage of a plugin that has the name.

    Raises:
        NotFound: there is no storage of this type.
        Invalid: its settings are incomplete or wrong.
        Unavailable: its server does not answer.
    """
    match settings.type:
        case "local":
            return LocalStorage(settings.root)
        case "s3":
            return open_s3(settings.s3, retries)
        case "minio":
            return open_minio(settings.minio, retries)
        case _:
            return find_storage(settings.type)(**settings.options)


class Standalone:
    """All components in one process on the memory family: one thread for the processors, and the worker's own.

    Attributes:
        flows, executions: the services.
        backend: the open backends.
    """

    def __init__(
        self, settings: Settings, registry: Registry | None = None, clock: Clock | None = None, storage: Storage | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.registry = registry or default_registry()
        self.backend = memory_backend(settings, self.clock, storage)
        log, repository = self.backend.log, self.backend.repository
        self.table = FlowTable(log, self.parse)
        self.services = worker_services(settings, self.backend, self.clock, self._command)
        plans = Plans(self.table.get, self.services.vault, self.services.server)
        self.executor = Executor(plans, lambda execution_id: history(repository, execution_id))
        indexer = Indexer(repository.executions, repository.logs, repository.metrics)
        liveness = Liveness(settings.engine.worker_timeout)
        processors = (self.executor, Limiter(), FlowLimits(self.parse), liveness, indexer)
        loops = [Loop(processor, log, self.clock, lambda record: to_bytes(record.value)) for processor in processors]
        self._processing = loops
        self._indexing = loops[-1]
        self._loops = LoopGroup(loops)
        limits = WorkerLimits(
            slots=settings.worker.slots,
            spill=settings.worker.spill_bytes,
            outputs=settings.worker.most_output_bytes,
            heartbeat=settings.engine.heartbeat.total_seconds(),
        )
        self._worker = Worker(log, log.work_queue(settings.worker.group), self.table.get, self.services, new_id(), limits)
        door = Door(
            log=log,
            repository=repository,
            now=self.clock.now,
            new_id=new_id,
            flow=self.table.get,
            tasks=lambda flow: {task.id: task for task in all_tasks(flow)},
            evaluate=lambda flow, execution_id: door_evaluation(self.services, flow, execution_id),
            encrypt=self.services.cipher.encrypt if settings.language.encryption_key else None,
            store_file=lambda head, input_id, value: store_input_file(self.backend.storage, head, input_id, value),
        )
        self.flows = FlowService(door)
        self.executions = ExecutionService(door)
        self._lifecycle = Lifecycle({"the executor": self._loops})
        self._collector = gc.get_threshold()

    def start(self) -> None:
        """Begin to work."""
        self._collector = gc.get_threshold()
        gc.set_threshold(*_COLLECTOR)
        self._lifecycle.start()
        self._worker.start()

    def stop(self, drain: float = 5.0) -> None:
        """End the work: running attempts get `drain` seconds."""
        self._worker.stop(drain)
        self._lifecycle.stop()
        gc.set_threshold(*self._collector)
        self.backend.log.close()

    def check(self) -> None:
        """Tell of a crash, after which nothing more would ever happen.

        Raises:
            Crashed: a part of the engine has ended by an error.
        """
        self._lifecycle.check()
        if self._worker.error is not None:
            raise Crashed("the worker", self._worker.error)

    @property
    def busy_slots(self) -> int:
        """How many slots of the worker run a job."""
        return self._worker.busy_slots

    @property
    def is_idle(self) -> bool:
        """Whether the processors have taken in all that was sent so far."""
        return all(loop.is_idle for loop in self._processing)

    def is_settled(self, execution_id: str, sequence: int) -> bool:
        """Whether the repository has caught up with an event of an execution."""
        return self.backend.repository.executions.sequence(execution_id) >= sequence

    def wait_until_settled(self, execution_id: str, sequence: int, seconds: float = 5.0) -> None:
        """Wait until the repository, log lines and metrics included, has caught up."""
        deadline = self.clock.monotonic() + seconds
        while self.clock.monotonic() < deadline:
            if self.is_settled(execution_id, sequence) and self._indexing.is_idle:
                return
            time.sleep(0.001)

    def place_of(self, tenant: str, uri: str) -> str:
        """Return where a stored file lies on this machine; its URI when it does not."""
        if self.settings.storage.type != "local":
            return uri
        return str(self.settings.storage.root / tenant / uri.removeprefix("kestra:///"))

    def parse(self, source: FlowSource) -> Flow:
        """Turn a stored source into a flow."""
        flow = parse_flow(source.source, registry=self.registry, defaults=self.settings.language.plugin_defaults)
        return flow.model_copy(update={"revision": source.revision, "tenant_id": source.tenant_id})

    def _command(self, execution_id: str, message: Any) -> None:
        self.executions.send(execution_id, message)


def worker_services(settings: Settings, backend: Backend, clock: Clock, command: Callable[[str, object], None]) -> Services:
    """Assemble what all attempts share."""
    language = settings.language
    prefix = language.environment_prefix
    return Services(
        engine=EngineAccess(backend.repository, backend.storage, command),
        now=clock.now,
        cipher=Cipher(language.encryption_key),
        vault=Vault(language.encryption_key),
        envs={name[len(prefix) :].lower(): value for name, value in os.environ.items() if name.startswith(prefix)},
        globals=language.globals_,
        kestra={"url": language.url} if language.url else {},
        fetch=ClaimCheck(backend.storage).fetch,
        zone=zone_of(language.time_zone),
        recursive=language.recursive_rendering,
        most_loop_values=settings.engine.most_loop_values,
    )


def history(repository: Repository, execution_id: str) -> tuple[Execution, list[TaskRun], int] | None:
    """Return an execution as the repository knows it."""
    head = repository.executions.get(execution_id)
    if head is None:
        return None
    return head, list(repository.executions.task_runs(execution_id)), repository.executions.sequence(execution_id)
