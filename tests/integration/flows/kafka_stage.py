"""A stage over the real family: all components on a broker, in this process; every story has a tenant of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event, Lock
from typing import Any

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.components import Components
from kestra_stream.assembly.door import door_of
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.topics import prepare_topics
from kestra_stream.executor.liveness import Liveness
from kestra_stream.indexer.processor import Indexer
from kestra_stream.models.execution import Execution
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import KillRequest, TaskJob
from kestra_stream.models.records import MetricEntry
from kestra_stream.models.state import S, StateType
from kestra_stream.queue.interface import Outgoing, Record, Transaction
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory import memory_repository
from kestra_stream.repository.query import Filter, Page
from kestra_stream.runtime.identity import new_id
from kestra_stream.settings import Settings
from kestra_stream.testing.driver import Story
from kestra_stream.topics import KILL
from kestra_stream.webserver.services import ExecutionService, FlowService
from kestra_stream.worker.attempt_runner import Ended
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_run import JobRunner
from tests.flows.stage import NOW, Stage
from tests.integration.flows.conductor import PATIENCE, Conductor, SteppedClock
from tests.unit.assembly.polling import until

_CANARIES = 2
_LOOK = 0.01
CANARY = """
id: canary
namespace: canary
concurrency: {limit: 1000}
tasks:
  - {id: sing, type: io.kestra.plugin.core.log.Log, message: "all that came before is done"}
"""


class CountingIndexer(Indexer):
    """Indexes, counts the records of all executions but some, and notes which came first."""

    def __init__(self, repository: Repository) -> None:
        super().__init__(repository.executions, repository.logs, repository.metrics)
        self.left_out: set[str] = set()
        self.counted = 0
        self.order: dict[str, int] = {}

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Take a batch in."""
        transaction = super().process(records, now)
        for record in records:
            self.order.setdefault(record.value.execution_id, len(self.order))
        self.counted += sum(record.value.execution_id not in self.left_out for record in records)
        return transaction


class HoldingRunner(JobRunner):
    """Runs jobs as any worker does, but for those of held tasks: they end when they are released, or killed."""

    def __init__(self, engine: "KafkaEngine") -> None:
        worker, equipment = engine.worker, engine.equipment
        super().__init__(equipment.table.get, equipment.services, worker.limits, worker.worker_id, worker._send)  # noqa: SLF001 - in its place
        self._held: dict[tuple[str, str], set[str] | None] = {}
        self._now = equipment.clock.now
        self._lock = Lock()
        self._pause = Event()
        self.waiting = 0

    def hold(self, tenant: str, task_id: str) -> None:
        """Hold all attempts of a task."""
        self._held[tenant, task_id] = set()

    def release(self, tenant: str, task_id: str, value: str | None) -> None:
        """Let a task go; with a value, only the attempts of that one which wait now."""
        if value is None:
            self._held.pop((tenant, task_id), None)
        else:
            released = self._held[tenant, task_id]
            assert released is not None
            released.add(value)

    def run(self, running: RunningJob) -> Sequence[Outgoing]:
        """Run a job."""
        job = running.job
        if isinstance(job, TaskJob) and (job.tenant_id, job.task_id) in self._held:
            self._wait(+1)
            while not running.control.is_stopped and self._holds(job):
                self._pause.wait(_LOOK)
            self._wait(-1)
            if running.control.is_stopped:
                return (self.ended(running, job, Ended(StateType.KILLED)),)
        return super().run(running)

    def _wait(self, change: int) -> None:
        with self._lock:
            self.waiting += change

    def _holds(self, job: TaskJob) -> bool:
        released = self._held.get((job.tenant_id, job.task_id))
        return released is not None and job.value not in released


class KafkaEngine:
    """All components on one broker, with an indexer of the test's own: what clients would see.

    Args:
        settings: of the Kafka family.
    """

    def __init__(self, settings: Settings) -> None:
        self.clock = SteppedClock()
        prepare_topics(settings)
        self.equipment = self._equipped(settings)
        server = Server(Component.STANDALONE, self.equipment)
        assert server.worker is not None
        self.server, self.worker = server, server.worker
        self.runner = HoldingRunner(self)
        self.worker._runner = self.runner  # noqa: SLF001 - jobs of held tasks wait
        self.repository = memory_repository()
        self.projections = CountingIndexer(self.repository)
        self.indexer = Components(self.equipment).loop(self.projections)
        self.client = self._equipped(settings)
        self.door = replace(door_of(self.client), executions=self.repository.executions)
        self.conductor = Conductor(self.clock, self._is_quiet, self._next_timer, self._wake)

    def _equipped(self, settings: Settings) -> Equipment:
        equipment = Equipment(settings, open_backend(settings, self.clock), self.clock)
        equipment.services = replace(equipment.services, kestra={"url": "http://kestra.test", "environment": "test"})
        return equipment

    def start(self) -> None:
        """Begin to work; return once everything has joined."""
        self.server.start()
        self._indexing = self.indexer.start("indexer")
        until(lambda: all(loop.has_joined for loop in (*self.server.loops.values(), self.indexer)), PATIENCE)
        FlowService(self.door).save(FlowSource("canary", "canary", "canary", 0, CANARY, {}))

    def stop(self) -> None:
        """End."""
        self.indexer.stop()
        self._indexing.join()
        self.server.stop(0.0)
        self.client.backend.log.close()

    def _is_quiet(self) -> bool:
        """Whether nothing is under way: two canaries go through all topics, one behind the other, and nothing else is seen meanwhile."""
        self.server.check()
        if self._is_busy():
            return False
        before = self.projections.counted, self.worker.jobs_begun
        self._send_kill()
        for _ in range(_CANARIES):
            self._send_canary()
        return not self._is_busy() and before == (self.projections.counted, self.worker.jobs_begun - _CANARIES)

    def _is_busy(self) -> bool:
        recalls = self.server.executor._recalls if self.server.executor is not None else None  # noqa: SLF001 - the past is read aside
        if recalls is not None and recalls._waiting:  # noqa: SLF001 - the same
            return True
        worker = self.worker
        running = [job for job, _ in tuple(worker._running.values())]  # noqa: SLF001 - what is held must have been told of
        return worker.busy_slots > self.runner.waiting or len(worker.outbox) > 0 or not all(job.announced for job in running)

    def _send_canary(self) -> None:
        flow = self.door.flow("canary", "canary", "canary", 0)
        assert flow is not None
        execution_id = new_id()
        self.projections.left_out.add(execution_id)
        ExecutionService(replace(self.door, new_id=lambda: execution_id)).create(flow)
        until(lambda: self._is_back(execution_id), PATIENCE)

    def _send_kill(self) -> None:
        """Send a kill of nothing; what was to be killed before is told to stop once it is heard."""
        nothing = KillRequest(new_id())
        self.client.backend.log.send((Outgoing(KILL, nothing.execution_id, nothing),))
        known = self.worker._kills._known  # noqa: SLF001 - what it has heard
        until(lambda: nothing.execution_id in known, PATIENCE)

    def _is_back(self, execution_id: str) -> bool:
        head = self.repository.executions.get(execution_id)
        if head is None or head.state.current is not S.SUCCESS:
            return False
        return bool(self.repository.logs.search(Filter().where("execution_id", execution_id), Page(1, 1)).items)

    def _next_timer(self) -> datetime | None:
        executor = self.server.executor
        assert executor is not None
        # who has ended is remembered for a while; nobody waits until it is forgotten, and each canary would be one more
        moments = [executor._live.timers.next_at()]  # noqa: SLF001 - without what it remembers
        moments += [loop.processor.wake_at() for group, loop in self.server.loops.items() if group not in {Liveness.group, executor.group}]
        return min((moment for moment in moments if moment is not None), default=None)

    def _wake(self) -> None:
        for loop in self.server.loops.values():
            loop.consumer.wake()


class KafkaStage(Stage):
    """Plays one story on an engine that plays others, too."""

    def __init__(self, engine: KafkaEngine, path: Path, folder: Path, tenant: str, name: str) -> None:
        self.engine = engine
        self.name = name
        self.tenant = tenant
        self._namespaces: dict[str, str] = {}
        super().__init__(path, folder)

    def open_door(self) -> ExecutionService:
        """Return what commands go through."""
        return ExecutionService(self.engine.door)

    def save(self, flow: Flow) -> None:
        """Save a flow as its next revision."""
        FlowService(self.engine.door).save(FlowSource(self.tenant, flow.namespace, flow.id, 0, flow.source, {}, flow.disabled))
        self._namespaces[flow.id] = flow.namespace

    def newest(self, flow_id: str) -> Flow:
        """Find the newest revision of a flow."""
        flow = self.engine.door.flow(self.tenant, self._namespaces[flow_id], flow_id, 0)
        assert flow is not None
        return flow

    def now(self) -> datetime:
        """The present moment; the next one is a later one."""
        return self.engine.clock.now()

    def settle(self, wait: timedelta | None = NOW) -> None:
        """Go on until nothing happens any more, without a wait or for so long (None: for as long as it takes)."""
        self.engine.conductor.wait(self.name, wait)

    def hold(self, *task_ids: str) -> None:
        """Begin attempts of these tasks, but do not end them before they are released (or killed)."""
        for task_id in task_ids:
            self.engine.runner.hold(self.tenant, task_id)

    def release(self, task_id: str, value: str | None) -> None:
        """Let held attempts of a task (or of one loop value of it) run."""
        self.engine.runner.release(self.tenant, task_id, value)

    def heads(self) -> list[Execution]:
        """All executions, oldest first."""
        heads = self.engine.repository.executions.search(Filter(), Page(1, 10_000)).items
        return sorted((head for head in heads if head.tenant_id == self.tenant), key=lambda head: self.engine.projections.order[head.id])

    def story_of(self, execution_id: str) -> Story:
        """How an execution went."""
        repository = self.engine.repository
        head = repository.executions.get(execution_id)
        assert head is not None, f"there is no execution {execution_id}"
        logs = repository.logs.search(Filter().where("execution_id", execution_id), Page(1, 10_000)).items
        return Story(head, repository.executions.task_runs(execution_id), logs)

    def metrics(self, execution_id: str) -> Sequence[MetricEntry]:
        """What an execution measured, in the order in which it came."""
        return self.engine.repository.metrics.search(Filter().where("execution_id", execution_id), Page(1, 1000)).items


def settings_of(client: Mapping[str, Any], prefix: str, folder: Path, key: str) -> dict[str, Any]:
    """Return the settings of an engine whose clock a test moves: nobody is believed dead because it has moved.

    One partition a topic: what was sent first is done first.
    """
    return {
        "queue": {"type": "kafka"},
        "kafka": {"client": {"properties": dict(client)}, "defaults": {"topic-prefix": prefix, "topic": {"partitions": 1}}},
        "storage": {"type": "local", "local": {"base-path": str(folder / "storage")}},
        "encryption": {"secret-key": key},
        "variables": {"globals": {"place": "here"}},
        "worker": {"slots": 256},
        "server": {"port": 0, "liveness": {"timeout": "P3650D"}},
    }
