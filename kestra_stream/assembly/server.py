"""Server: the components of one process, started and stopped together.

| component | loops | and |
|---|---|---|
| executor | executor, liveness | the cleaner of the storage, on Kafka |
| limiter | limiter, flow-limits | |
| worker | | a worker |
| standalone | all of these, and the indexer where there is a repository | a worker |

Loops of the memory family take turns in one thread; on Kafka each has a thread of its own.
"""

import logging
from collections.abc import Iterator, Mapping
from enum import StrEnum

from kestra_stream.assembly.collector import COLLECTOR
from kestra_stream.assembly.components import Components
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.executor.processor import Executor
from kestra_stream.runtime.identity import new_id
from kestra_stream.runtime.lifecycle import Crashed, Lifecycle, Part
from kestra_stream.runtime.loop import Loop, LoopGroup
from kestra_stream.runtime.processor import Processor
from kestra_stream.worker.processor import Worker

logger = logging.getLogger(__name__)


class Component(StrEnum):
    """What a process is."""

    EXECUTOR = "executor"
    LIMITER = "limiter"
    WORKER = "worker"
    STANDALONE = "standalone"


class Server:
    """One process.

    Attributes:
        id: unique among all processes, new at each start.
        loops: by the group that each belongs to.
        executor: the processor of executions, None in a process without one.
        worker: None in a process without one.
        is_draining: it was told to stop.
    """

    def __init__(self, component: Component, equipment: Equipment) -> None:
        self.component = component
        self.equipment = equipment
        self._components = Components(equipment)
        self.id = new_id()
        self.executor: Executor | None = None
        self.worker: Worker | None = None
        self.loops: Mapping[str, Loop] = {processor.group: self._components.loop(processor) for processor in self._processors()}
        if component in {Component.WORKER, Component.STANDALONE}:
            self.worker = self._components.worker(self.id)
        is_told_of = self.worker is not None or equipment.backend.family == "memory"
        self._heartbeat = None if is_told_of else self._components.heartbeat(self.id, component.upper())
        self._lifecycle = Lifecycle(self._parts())
        self._is_started = False
        self.is_draining = False

    def announce(self) -> None:
        """Tell the log that this process is about to work; from then on it knows the log's time.

        Raises:
            Unavailable: the log does not take it.
        """
        if self.worker is not None:
            self.worker.beat()
        elif self._heartbeat is not None:
            self._heartbeat.beat()

    def start(self) -> None:
        """Begin to work."""
        self._is_started = True
        COLLECTOR.look_rarely()
        self._lifecycle.start()
        if self.worker is not None:
            self.worker.start()
        if self._heartbeat is not None:
            self._heartbeat.start()

    def stop(self, drain: float = 5.0) -> None:
        """End the work: running attempts get `drain` seconds, then every loop ends after its present step."""
        self.is_draining = True
        if self.worker is not None:
            self.worker.stop(drain)
        late = self._lifecycle.stop()
        if late:
            logger.warning("%s did not end in time; what was not committed is done again elsewhere", " and ".join(late))
        if self._heartbeat is not None:
            self._heartbeat.stop()
        if self._is_started:
            self._is_started = False
            COLLECTOR.look_as_usual()
        self.equipment.backend.log.close()

    def hurry(self) -> None:
        """Let running attempts end at once, while `stop` waits for them."""
        if self.worker is not None:
            self.worker.hurry()

    def check(self) -> None:
        """Tell of a crash, after which nothing more would ever happen.

        Raises:
            Crashed: a part of the engine has ended by an error.
        """
        self._lifecycle.check()
        if self.worker is not None and self.worker.error is not None:
            raise Crashed("the worker", self.worker.error)

    def _processors(self) -> Iterator[Processor]:
        components, component = self._components, self.component
        if component in {Component.EXECUTOR, Component.STANDALONE}:
            self.executor = components.executor()
            yield self.executor
        if component in {Component.LIMITER, Component.STANDALONE}:
            yield components.limiter()
            yield components.flow_limits()
        if component in {Component.EXECUTOR, Component.STANDALONE}:
            yield components.liveness()
        if component is Component.STANDALONE and self.equipment.backend.has_repository:
            yield components.indexer()

    def _parts(self) -> Mapping[str, Part]:
        if not self.loops:
            return {}
        if self.equipment.backend.family == "memory":
            return {"the executor": LoopGroup(tuple(self.loops.values()))}
        parts: dict[str, Part] = {f"the loop `{group}`": loop for group, loop in self.loops.items()}
        if self.executor is not None and self.equipment.settings.storage.cleanup.enabled:
            parts["the cleaner"] = self._components.cleaner()
        return parts
