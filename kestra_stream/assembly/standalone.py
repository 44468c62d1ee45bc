"""Standalone: all components in one process on the memory family, with the services that speak to them."""

import time

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.door import door_of
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.indexer.processor import Indexer
from kestra_stream.plugin.registry import Registry
from kestra_stream.runtime.clock import Clock, SystemClock
from kestra_stream.settings import Settings
from kestra_stream.storage.interface import Storage
from kestra_stream.webserver.services import ExecutionService, FlowService


class Standalone:
    """All components in one process on the memory family: one thread for the processors, and the worker's own.

    Attributes:
        flows, executions: the services; `door` is what they stand on.
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
        self.door = door = door_of(self._equipment)
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
