"""Standalone: all components in one process on the memory family, with the services that speak to them."""

import time

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.executor.processor import Executor
from kestra_stream.indexer.processor import Indexer
from kestra_stream.plugin.registry import Registry
from kestra_stream.runtime.clock import Clock, SystemClock
from kestra_stream.runtime.identity import new_id
from kestra_stream.settings import Settings
from kestra_stream.storage.interface import Storage
from kestra_stream.webserver.evaluation import door_evaluation
from kestra_stream.webserver.files import store_input_file
from kestra_stream.webserver.services import Door, ExecutionService, FlowService
from kestra_stream.worker.task_table import all_tasks


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
        self.backend = open_backend(settings, self.clock, storage)
        self._equipment = Equipment(settings, self.backend, self.clock, registry)
        self._server = Server(Component.STANDALONE, self._equipment)
        self.table = self._equipment.table
        self.services = self._equipment.services
        self.registry = self._equipment.registry
        door = Door(
            log=self.backend.log,
            repository=self.backend.repository,
            now=self.clock.now,
            new_id=new_id,
            flow=self.table.get,
            tasks=lambda flow: {task.id: task for task in all_tasks(flow)},
            evaluate=lambda flow, execution_id: door_evaluation(self.services, flow, execution_id),
            encrypt=self.services.cipher.encrypt if settings.encryption_key else None,
            store_file=lambda head, input_id, value: store_input_file(self.backend.storage, head, input_id, value),
        )
        self.flows = FlowService(door)
        self.executions = ExecutionService(door)

    def start(self) -> None:
        """Begin to work."""
        self._server.start()

    def stop(self, drain: float = 5.0) -> None:
        """End the work: running attempts get `drain` seconds."""
        self._server.stop(drain)

    def check(self) -> None:
        """Tell of a crash, after which nothing more would ever happen.

        Raises:
            Crashed: a part of the engine has ended by an error.
        """
        self._server.check()

    @property
    def executor(self) -> Executor:
        """The processor of executions."""
        processor = self._server.loops[Executor.group].processor
        assert isinstance(processor, Executor)  # noqa: S101 - for the type checkers: a standalone process has one
        return processor

    @property
    def busy_slots(self) -> int:
        """How many slots of the worker run a job."""
        return self._server.worker.busy_slots if self._server.worker is not None else 0

    @property
    def is_idle(self) -> bool:
        """Whether the processors have taken in all that was sent so far."""
        return all(loop.is_idle for loop in self._server.loops.values())

    def is_settled(self, execution_id: str, sequence: int) -> bool:
        """Whether the repository has caught up with an event of an execution."""
        return self.backend.repository.executions.sequence(execution_id) >= sequence

    def wait_until_settled(self, execution_id: str, sequence: int, seconds: float = 5.0) -> None:
        """Wait until the repository, log lines and metrics included, has caught up."""
        deadline = self.clock.monotonic() + seconds
        while self.clock.monotonic() < deadline:
            if self.is_settled(execution_id, sequence) and self._server.loops[Indexer.group].is_idle:
                return
            time.sleep(0.001)

    def place_of(self, tenant: str, uri: str) -> str:
        """Return where a stored file lies on this machine; its URI when it does not."""
        if self.settings.storage.type != "local":
            return uri
        return str(self.settings.storage.local.base_path / tenant / uri.removeprefix("kestra:///"))
