"""The test driver: all processors in one thread on the memory log, a manual clock, and a seeded scheduler that plays tricks.

Each turn draws one of the things that may happen next: a processor takes a batch, a worker takes a job, a report of a worker
arrives (late, doubled, out of order), a processor or worker dies and another takes over, a timer comes due. The same seed
draws the same history, so a failure can be replayed by its number.

    driver = Driver(FLOW, seed=7, mischief=Mischief.all())
    story = driver.run("my-flow", {"name": "x"})
    assert story.state == "SUCCESS"
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import lru_cache
from random import Random
from typing import Any

from kestra_stream.executor.liveness import Liveness
from kestra_stream.executor.plans import Plans
from kestra_stream.executor.processor import Executor
from kestra_stream.executor.worker_groups import WorkerGroups
from kestra_stream.indexer.processor import Indexer
from kestra_stream.limiter.flow_limits import FlowLimits
from kestra_stream.limiter.processor import Limiter
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import Execution, Label, TaskRun
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import LogEntry
from kestra_stream.models.state import State, StateType
from kestra_stream.plugin.context.encryption import Vault
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.plugin.registry import Registry, default_registry
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.serde import to_bytes
from kestra_stream.repository.memory import memory_repository
from kestra_stream.repository.query import Filter, Page
from kestra_stream.runtime.loop import Loop
from kestra_stream.runtime.processor import Processor
from kestra_stream.settings import LivenessSettings
from kestra_stream.storage.interface import Storage
from kestra_stream.testing.clock import ManualClock
from kestra_stream.testing.workers import ENCRYPTION_KEY, DriverWorker, Outcomes
from kestra_stream.testing.workplace import Mischief, Workplace, drawn
from kestra_stream.topics import EXECUTION_INBOX, FLOW

__all__ = ["Driver", "Mischief", "Outcomes", "Story"]


@dataclass(frozen=True, slots=True)
class Story:
    """How an execution went: its head, its task runs in order of creation, and its log."""

    execution: Execution
    task_runs: Sequence[TaskRun]
    logs: Sequence[LogEntry] = field(default_factory=tuple)

    @property
    def state(self) -> StateType:
        """The state it is in."""
        return self.execution.state.current

    @property
    def history(self) -> list[str]:
        """All states it was in."""
        return [transition.state.value for transition in self.execution.state.histories]

    def runs(self, task_id: str) -> list[TaskRun]:
        """Task runs of one task."""
        return [run for run in self.task_runs if run.task_id == task_id]

    def run(self, task_id: str, value: str | None = None) -> TaskRun:
        """The one task run of a task (and loop value)."""
        found = [run for run in self.runs(task_id) if value is None or run.value == value]
        if len(found) != 1:
            raise AssertionError(f"{len(found)} runs of {task_id}, not one; there are {[run.task_id for run in self.task_runs]}")
        return found[0]

    def states(self) -> dict[str, list[str]]:
        """States by task id."""
        found: dict[str, list[str]] = {}
        for run in self.task_runs:
            found.setdefault(run.task_id, []).append(run.state.current.value)
        return found

    @property
    def messages(self) -> list[str]:
        """Messages of the log."""
        return [entry.message for entry in self.logs]


@lru_cache(maxsize=64)
def _parsed(source: str) -> Flow:
    """Parse a flow of built-in types, once for all the seeds that it is run with."""
    return parse_flow(source, registry=default_registry())


class Driver:
    """Runs flows.

    Args:
        sources: flow documents.
        seed: what the scheduler draws from.
        outcomes: task id -> results of its attempts in place of really running it.
        as_bytes: whether values travel as JSON, as on Kafka; by default by reference.
    """

    def __init__(
        self,
        *sources: str,
        seed: int = 0,
        mischief: Mischief | None = None,
        outcomes: Outcomes | None = None,
        storage: Storage | None = None,
        registry: Registry | None = None,
        as_bytes: bool = False,
    ) -> None:
        self.clock = ManualClock()
        self.random = Random(seed)  # noqa: S311 - the seed must give the same history
        self.mischief = mischief or Mischief()
        self.log = MemoryLog(self.clock.now, lease_seconds=5, as_bytes=as_bytes)
        self._groups = WorkerGroups(self.log)
        self.repository = memory_repository()
        self._vault = Vault(ENCRYPTION_KEY)
        self._flows: dict[tuple[str, str, str, int], Flow] = {}
        for source in sources:
            self.add_flow(_parsed(source) if registry is None else parse_flow(source, registry=registry))
        self.loops: list[Loop] = []
        self.worker = DriverWorker(self.find_flow, self.repository, storage, self.clock, outcomes or {}, self._vault)
        self._plans = self._all_plans()
        self.workplace = Workplace(self.worker, self.log, self.log.work_queue(), self.clock, self.random, self.mischief, self._index)
        for factory in (self._executor, Limiter, self._flow_limits, self._liveness, self._indexer):
            self._join(factory)

    # -- flows and commands --------------------------------------------------------------------------------------------

    def add_flow(self, flow: Flow) -> None:
        """Save a flow as its next revision."""
        newest = self._flows.get((*flow.uid, 0))
        flow = flow.model_copy(update={"revision": newest.revision + 1 if newest is not None else 1})
        self._flows[*flow.uid, 0] = self._flows[*flow.uid, flow.revision] = flow
        source = FlowSource(flow.tenant_id, flow.namespace, flow.id, flow.revision, flow.source, {})
        self.repository.flows.save(replace(source, source=f"{flow.source}# {flow.revision}"))
        self.log.send((Outgoing(FLOW, "/".join((*flow.uid, str(flow.revision))), source),))

    def find_flow(self, tenant: str, namespace: str, flow_id: str, revision: int = 0) -> Flow | None:
        """Find a flow (revision 0: the newest)."""
        return self._flows.get((tenant, namespace, flow_id, revision))

    def create(
        self,
        flow_id: str,
        inputs: Mapping[str, object] | None = None,
        labels: Sequence[Label] = (),
        execution_id: str = "",
        revision: int = 0,
    ) -> str:
        """Create an execution (of the newest revision, or of another); it does not begin before `settle`, `run` or `turn`."""
        flow = next(flow for (_, _, name, number), flow in self._flows.items() if name == flow_id and number == revision)
        head = Execution(
            id=execution_id or f"{flow_id}-{self.random.randrange(10**9)}",
            namespace=flow.namespace,
            flow_id=flow.id,
            flow_revision=flow.revision,
            state=State.created(self.clock.now()),
            labels=tuple(labels),
        )
        self.tell(head.id, i.Create(head, provided_inputs=inputs or {}))
        return head.id

    def tell(self, execution_id: str, message: i.ExecutionInput) -> None:
        """Send an input to an execution."""
        self.log.send((Outgoing(EXECUTION_INBOX, execution_id, message),))

    def run(self, flow_id: str, inputs: Mapping[str, object] | None = None, labels: Sequence[Label] = ()) -> Story:
        """Create an execution and run everything until nothing happens any more."""
        execution_id = self.create(flow_id, inputs, labels)
        self.settle()
        return self.story(execution_id)

    def executions(self) -> list[str]:
        """Ids of all executions that there are, children included."""
        return [head.id for head in self.repository.executions.search(Filter(), Page(1, 100_000)).items]

    def story(self, execution_id: str) -> Story:
        """Tell how an execution went so far."""
        head = self.repository.executions.get(execution_id)
        if head is None:
            raise AssertionError(f"there is no execution {execution_id}")
        logs = self.repository.logs.search(Filter().where("execution_id", execution_id), Page(1, 10_000)).items
        return Story(head, self.repository.executions.task_runs(execution_id), logs)

    # -- time ----------------------------------------------------------------------------------------------------------

    def settle(self, turns: int = 100_000, *, wait: timedelta | None = None) -> None:
        """Go on until nothing happens any more; dates that somebody waits for are reached by moving the clock (by `wait`)."""
        limit = self.clock.now() + wait if wait is not None else None
        for _ in range(turns):
            if self.turn():
                continue
            moment = self._next_moment()
            if limit is not None and (moment is None or moment > limit):
                return self.clock.advance_to(limit)
            if moment is None:
                return None
            self.clock.advance_to(moment)
        raise AssertionError(f"still busy after {turns} turns")

    def _next_moment(self) -> Any:
        waits = [loop.processor.wake_at() for loop in self.loops]
        return min((moment for moment in waits if moment is not None), default=None)

    def turn(self) -> bool:
        """Let one thing happen; False when there is nothing to do."""
        self.clock.advance(timedelta(microseconds=1))
        self._play_tricks()
        actions: list[Callable[[], bool]] = [loop.step for loop in self.loops]
        actions += self.workplace.actions
        self.random.shuffle(actions)
        return any(action() for action in actions)

    # -- people and workers --------------------------------------------------------------------------------------------

    def kill(self, execution_id: str) -> None:
        """Kill an execution and those it has called."""
        self.tell(execution_id, i.Kill())

    def resume(self, execution_id: str, inputs: Mapping[str, object] | None = None) -> None:
        """Resume a paused execution; the inputs are those that the Pause asks for."""
        self.tell(execution_id, i.Resume(inputs or {}))

    def equip(self, **changes: Any) -> None:
        """Change what attempts and the engine see of the server: `globals`, `envs`, `kestra`, `zone`, ..."""
        self.worker.equip(**changes)
        self._plans = self._all_plans()
        self._replace(next(place for place, loop in enumerate(self.loops) if isinstance(loop.processor, Executor)))

    # -- processors ----------------------------------------------------------------------------------------------------

    def _executor(self) -> Executor:
        return Executor(self._plans, self._history, has_worker=self._groups.has_worker)

    def _all_plans(self) -> Plans:
        """What flows compile to: the same for all executors, which come and go."""
        return Plans(self.find_flow, self._vault, self.worker.server)

    def _history(self, execution_id: str) -> Any:
        executions = self.repository.executions
        head = executions.get(execution_id)
        return None if head is None else (head, executions.task_runs(execution_id), executions.sequence(execution_id))

    def _index(self) -> None:
        """What a job may look up has been indexed, so that a flow's story does not hang on the order of things."""
        for loop in self.loops if self.worker.services is not None else ():
            while isinstance(loop.processor, Indexer) and loop.step():
                pass

    def _indexer(self) -> Indexer:
        return Indexer(self.repository.executions, self.repository.logs, self.repository.metrics)

    def _flow_limits(self) -> FlowLimits:
        return FlowLimits(self.find_flow)

    def _liveness(self) -> Liveness:
        return Liveness(LivenessSettings().timeout)

    def _join(self, factory: Callable[[], Processor]) -> None:
        processor = factory()
        self.loops.append(Loop(processor, self.log, self.clock, lambda record: to_bytes(record.value)))

    def _play_tricks(self) -> None:
        if drawn(self.random, self.mischief.crash):
            self._replace(self.random.randrange(len(self.loops)))
        if drawn(self.random, self.mischief.rebalance):
            self._rebalance()

    def _replace(self, place: int) -> None:
        """A processor dies between two commits; another one takes over from what is stored."""
        loop = self.loops.pop(place)
        loop.consumer.close()
        factories: dict[type, Callable[[], Processor]] = {
            Executor: self._executor,
            Limiter: Limiter,
            FlowLimits: self._flow_limits,
            Liveness: self._liveness,
            Indexer: self._indexer,
        }
        self._join(factories[type(loop.processor)])

    def _rebalance(self) -> None:
        """A second executor joins, or leaves."""
        executors = [place for place, loop in enumerate(self.loops) if isinstance(loop.processor, Executor)]
        if len(executors) > 1:
            self.loops.pop(executors[0]).consumer.close()
        else:
            self._join(self._executor)
