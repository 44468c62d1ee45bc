"""The state of executors in copies on disk: few executions in memory change no outcome, and a full disk is told, waited for, and costs nothing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from kestra_stream.models.state import S
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, Member, fleet_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.managed import PATIENCE
from tests.integration.faults.record import Chronicle
from tests.integration.faults.workload import ENDINGS, FLOWS, STARTED
from tests.services.broker import Broker
from tests.services.process import wait_until

MOST_LIVE = 5
PAUSED = 150
REMEDY = "free some space, or name another folder in kestra.engine.state.path"


@dataclass
class Scene:
    """An engine whose executor keeps its state on disk."""

    fleet: Fleet
    kafka: Broker
    prefix: str
    client: EngineClient
    chronicle: Chronicle
    created: set[str] = field(default_factory=set)
    told: set[tuple[str, str]] = field(default_factory=set)

    @property
    def executor(self) -> Member:
        """The one executor."""
        return next(member for member in self.fleet.members if member.component == "executor")

    def create(self, *flows: str) -> None:
        """Create an execution of each flow."""
        self.created.update(self.client.create(flows))

    def are_paused(self, count: int) -> bool:
        """Whether so many executions are paused by now."""
        self.chronicle.read(0.1)
        return sum(story.state is S.PAUSED for story in self.chronicle.stories.values()) >= count

    def are_over(self) -> bool:
        """Whether all have ended by now; who waits for somebody is told what it waits for."""
        self.chronicle.read(0.1)
        for story in tuple(self.chronicle.stories.values()):
            head = story.folded.head
            wanted = ENDINGS[head.flow_id].asks.get(head.state.current) if head is not None else None
            if head is not None and wanted is not None and (head.id, head.state.current) not in self.told:
                self.told.add((head.id, head.state.current))
                self.client.tell(head.id, wanted)
        finished = self.chronicle.finished
        return self.created <= finished and len(finished) == len(self.chronicle.stories)

    def end(self) -> None:
        """All end as their flows dictate, and nothing is left."""
        wait_until(self.are_over, 2 * PATIENCE, "all executions end")
        self.chronicle.catch_up()
        assert list(self.chronicle.faults()) == []
        nothing_is_left(self.fleet, self.kafka, self.prefix)


@pytest.fixture
def scene(kafka: Broker, prefix: str, tmp_path: Path) -> Iterator[Scene]:
    told = {"TYPE": "disk", "PATH": str(tmp_path / "copies"), "MOST_LIVE_EXECUTIONS": str(MOST_LIVE)}
    with fleet_of(kafka, prefix, tmp_path, **{f"KESTRA_ENGINE_STATE_{name}": value for name, value in told.items()}) as fleet:
        fleet.started("executor", "limiter", "worker")
        with client_of(fleet.config, FLOWS) as client:
            chronicle = Chronicle(client.log)
            yield Scene(fleet, kafka, prefix, client, chronicle)
            chronicle.close()


@pytest.mark.timeout(400)
def test_few_executions_in_memory_change_no_outcome_also_when_the_executor_is_killed(scene: Scene) -> None:
    """Each execution is read from the disk at almost every step, by an executor that has written it or by its heir."""
    scene.create(*["approved"] * PAUSED, *STARTED * 3)
    wait_until(lambda: scene.are_paused(PAUSED), PATIENCE, "many wait")
    assert scene.executor.figure("kestra_live_executions") <= MOST_LIVE
    for _ in range(2):
        scene.fleet.kill(scene.executor)
        scene.create(*STARTED)
        scene.fleet.started("executor")
    scene.end()


@pytest.mark.timeout(400)
def test_a_full_disk_below_the_state_is_told_and_waited_for_and_costs_nothing(scene: Scene) -> None:
    scene.create("delayed", "approved")
    wait_until(lambda: scene.are_paused(1), PATIENCE, "work flows")
    executor = psutil.Process(scene.executor.process.id)
    _, most = executor.rlimit(psutil.RLIMIT_FSIZE)
    executor.rlimit(psutil.RLIMIT_FSIZE, (60_000, most))  # as if the disk were full: no file grows any more
    scene.create(*["approved"] * PAUSED, *STARTED)
    wait_until(lambda: REMEDY in readiness(scene.executor, 503), PATIENCE, "it is not ready, and says why")
    scene.create(*STARTED)
    wait_until(lambda: scene.executor.figure("kestra_retried_total") > 3, PATIENCE, "it tries again")
    assert scene.executor.ask("/health/liveness")[0] == 200
    assert REMEDY in readiness(scene.executor, 503)
    executor.rlimit(psutil.RLIMIT_FSIZE, (most, most))
    scene.end()
    assert "trouble" not in readiness(scene.executor, 200)
    assert not scene.executor.has_told("Traceback")


def readiness(member: Member, status: int) -> str:
    """Return what a process says of its readiness; nothing when that is another one."""
    found, text = member.ask("/health/readiness")
    return text if found == status and json.loads(text) else ""
