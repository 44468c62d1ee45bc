"""Workers that die, sleep or are told to end while they run a task: the run is done again by another one, and counts once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kestra_stream.models.execution import TaskRun
from kestra_stream.models.state import S
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, Member, fleet_of
from tests.integration.faults.managed import PATIENCE
from tests.integration.faults.record import Chronicle
from tests.services.broker import Broker
from tests.services.process import wait_until

FLOWS = """
id: again
tasks:
  - {id: work, type: io.kestra.plugin.core.flow.Sleep, duration: "{{ taskrun.attemptsCount > 0 ? 'PT0.1S' : 'PT10M' }}"}
---
id: nap
tasks:
  - {id: work, type: io.kestra.plugin.core.flow.Sleep, duration: PT4S}
---
id: quick
tasks:
  - {id: work, type: io.kestra.plugin.core.log.Log, message: done}
"""


@dataclass
class Scene:
    """An engine with two workers, and one execution whose task is running at one of them."""

    fleet: Fleet
    client: EngineClient
    chronicle: Chronicle
    execution_id: str = ""

    @property
    def run(self) -> TaskRun:
        """The one task run."""
        (run,) = self.chronicle.stories[self.execution_id].folded.listed()
        return run

    @property
    def attempts(self) -> list[str]:
        """How its attempts stand."""
        return [attempt.state.current.value for attempt in self.run.attempts]

    def begin(self, flow: str) -> Member:
        """Create an execution; return the worker that runs its task."""
        (self.execution_id,) = self.client.create([flow])
        self.chronicle.until(self._is_running, "the task runs")
        return self.fleet.by_id(self.run.attempts[-1].worker_id)

    def _is_running(self) -> bool:
        story = self.chronicle.stories.get(self.execution_id)
        runs = story.folded.listed() if story is not None else ()
        return bool(runs) and runs[0].state.current is S.RUNNING and bool(runs[0].attempts)

    def ends(self) -> None:
        """Wait for the end of the execution, which is a good one, each event once."""
        self.chronicle.until(lambda: self.execution_id in self.chronicle.finished, "the execution ends")
        story = self.chronicle.stories[self.execution_id]
        assert story.state is S.SUCCESS
        assert story.sequences == list(range(1, len(story.sequences) + 1))


@pytest.fixture
def variables() -> dict[str, str]:
    """What the processes are told beside the settings file."""
    return {"KESTRA_SERVER_LIVENESS_TIMEOUT": "6s", "KESTRA_SERVER_LIVENESS_HEARTBEAT_INTERVAL": "500ms"}


@pytest.fixture
def scene(kafka: Broker, prefix: str, tmp_path: Path, variables: dict[str, str]) -> Iterator[Scene]:
    with fleet_of(kafka, prefix, tmp_path, **variables) as fleet:
        fleet.started("executor", "limiter", "worker", "worker")
        with client_of(fleet.config, FLOWS) as client:
            chronicle = Chronicle(client.log)
            yield Scene(fleet, client, chronicle)
            chronicle.close()


@pytest.mark.parametrize("variables", [{}], ids=["default settings"])
def test_the_task_of_a_killed_worker_is_done_by_another_one(scene: Scene) -> None:
    worker = scene.begin("again")
    scene.fleet.kill(worker)
    scene.ends()
    assert (scene.attempts, scene.run.epoch) == (["RESUBMITTED", "SUCCESS"], 2)
    assert scene.run.attempts[-1].worker_id == next(member.id for member in scene.fleet.members if member.component == "worker")


def test_what_a_frozen_worker_sends_when_it_wakes_up_is_ignored_and_it_works_again(scene: Scene) -> None:
    worker = scene.begin("nap")
    worker.process.pause()
    scene.ends()
    told = list(scene.chronicle.stories[scene.execution_id].sequences)
    assert (scene.attempts, scene.run.epoch) == (["RESUBMITTED", "SUCCESS"], 2)
    worker.process.resume()
    (executor,) = (member for member in scene.fleet.members if member.component == "executor")
    wait_until(lambda: executor.figure("kestra_stale_results_total") >= 1, PATIENCE, "a stale result is counted")
    scene.chronicle.catch_up()
    assert scene.chronicle.stories[scene.execution_id].sequences == told
    (other,) = (member for member in scene.fleet.members if member.component == "worker" and member is not worker)
    scene.fleet.end(other)
    (scene.execution_id,) = scene.client.create(["quick"])
    scene.ends()


def test_a_worker_that_is_told_to_end_finishes_what_it_runs(scene: Scene) -> None:
    worker = scene.begin("nap")
    scene.fleet.end(worker)
    scene.ends()
    assert (scene.attempts, scene.run.epoch) == (["SUCCESS"], 1)
    assert scene.run.attempts[0].worker_id == worker.id


@pytest.mark.parametrize(
    "variables", [{"KESTRA_SERVER_TERMINATION_GRACE_PERIOD": "1s", "KESTRA_SERVER_LIVENESS_TIMEOUT": "10m"}], ids=["one second of grace"]
)
def test_a_worker_hands_back_what_does_not_end_within_its_grace(scene: Scene) -> None:
    """Nobody waits for the worker to be found lost: it tells itself."""
    worker = scene.begin("again")
    scene.fleet.end(worker)
    scene.ends()
    assert (scene.attempts, scene.run.epoch) == (["RESUBMITTED", "SUCCESS"], 2)
