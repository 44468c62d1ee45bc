"""A stage over the driver: the memory family in one thread, by a clock that stands still until nothing happens any more."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

from kestra_stream.models.execution import Execution
from kestra_stream.models.flow import Flow
from kestra_stream.models.records import MetricEntry
from kestra_stream.repository.query import Filter, Page
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver, Mischief, Story
from kestra_stream.webserver.evaluation import door_evaluation
from kestra_stream.webserver.files import store_input_file
from kestra_stream.webserver.flow_register import StoredFlows
from kestra_stream.webserver.services import Door, ExecutionService
from kestra_stream.worker.task_table import all_tasks
from tests.flows.stage import NOW, Stage


class DrivenStage(Stage):
    """Plays one story with the driver.

    Args:
        path: the flows.
        folder: an empty folder for internal storage.
        seed: with a seed everything that the driver can do to an execution without changing its story is done to it.
        as_bytes: whether values travel as on Kafka.
    """

    def __init__(self, path: Path, folder: Path, seed: int | None = None, *, as_bytes: bool = False) -> None:
        tricks = Mischief(reorder=0.3, double=0.2, delay=0.3, crash=0.02, rebalance=0.02) if seed is not None else None
        self.driver = Driver(seed=seed or 0, mischief=tricks, storage=LocalStorage(folder / "storage"), as_bytes=as_bytes)
        self.driver.equip(globals={"place": "here"}, kestra={"url": "http://kestra.test", "environment": "test"})
        super().__init__(path, folder)

    def open_door(self) -> ExecutionService:
        """Return what commands go through."""
        services, ids = self.driver.worker.services, count(1)
        assert services is not None
        return ExecutionService(
            Door(
                log=self.driver.log,
                register=StoredFlows(self.driver.repository.flows, self.driver.log),
                executions=self.driver.repository.executions,
                now=self.driver.clock.now,
                new_id=lambda: f"execution{next(ids)}",
                flow=self.driver.find_flow,
                tasks=lambda flow: {task.id: task for task in all_tasks(flow)},
                evaluate=lambda flow, execution_id: door_evaluation(services, flow, execution_id),
                encrypt=services.cipher.encrypt,
                store_file=lambda head, input_id, value: store_input_file(services.engine.storage, head, input_id, value),
            )
        )

    def save(self, flow: Flow) -> None:
        """Save a flow as its next revision."""
        self.driver.add_flow(flow)

    def newest(self, flow_id: str) -> Flow:
        """Find the newest revision of a flow."""
        sources = self.driver.repository.flows.search(Filter(), Page(1, 1000)).items
        found = (self.driver.find_flow(one.tenant_id, one.namespace, one.id, 0) for one in sources if one.id == flow_id)
        return next(flow for flow in found if flow is not None)

    def now(self) -> datetime:
        """The present moment; the next one is a later one."""
        now = self.driver.clock.now()
        self.driver.clock.advance(timedelta(microseconds=1))
        return now

    def settle(self, wait: timedelta | None = NOW) -> None:
        """Go on until nothing happens any more, without a wait or for so long (None: for as long as it takes)."""
        self.driver.settle(wait=wait)

    def hold(self, *task_ids: str) -> None:
        """Begin attempts of these tasks, but do not end them before they are released (or killed)."""
        self.driver.worker.hold(*task_ids)

    def release(self, task_id: str, value: str | None) -> None:
        """Let held attempts of a task (or of one loop value of it) run."""
        self.driver.workplace.release(task_id, value)

    def heads(self) -> list[Execution]:
        """All executions, oldest first."""
        heads = self.driver.repository.executions.search(Filter(), Page(1, 10_000)).items
        return sorted(heads, key=lambda head: head.state.start_date)

    def story_of(self, execution_id: str) -> Story:
        """How an execution went."""
        return self.driver.story(execution_id)

    def metrics(self, execution_id: str) -> Sequence[MetricEntry]:
        """What an execution measured, in the order in which it came."""
        return self.driver.repository.metrics.search(Filter().where("execution_id", execution_id), Page(1, 1000)).items
