"""Processes that are told to end (SIGTERM) in the middle of work: what can end ends, the rest is done by others at once, and all counts once."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kestra_stream.models.execution import TaskRun
from kestra_stream.models.state import S
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.managed import PATIENCE
from tests.integration.faults.record import Chronicle
from tests.integration.faults.site import Member, Site
from tests.integration.faults.workload import FLOWS as WORK
from tests.services.broker import Broker

FLOWS = """
id: short
tasks:
  - {id: work, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.2S}
---
id: nap
tasks:
  - {id: work, type: io.kestra.plugin.core.flow.Sleep, duration: PT4S}
---
id: again
tasks:
  - {id: work, type: io.kestra.plugin.core.flow.Sleep, duration: "{{ taskrun.attemptsCount > 0 ? 'PT0.1S' : 'PT10M' }}"}
---
id: script
tasks:
  - id: work
    type: io.kestra.plugin.scripts.shell.Commands
    commands:
      - echo "begun {{ taskrun.attemptsCount }}" >> EFFECTS
      - "{{ taskrun.attemptsCount > 0 ? 'true' : 'sleep 5' }}"
      - echo "done {{ taskrun.attemptsCount }}" >> EFFECTS
"""
NEVER_LOST = "10m"
SHORT_ONES = 40


@dataclass
class Scene:
    """An engine, its client, and what its log tells."""

    site: Site
    client: EngineClient
    chronicle: Chronicle

    def run(self, execution_id: str) -> TaskRun:
        """Return the one task run of an execution."""
        (run,) = self.chronicle.stories[execution_id].folded.listed()
        return run

    def worker_of(self, execution_id: str) -> Member:
        """Wait until the task of an execution runs; return who runs it."""
        self.chronicle.until(lambda: self._runs(execution_id), "the task runs")
        worker_id = self.run(execution_id).attempts[-1].worker_id
        return next(member for member in self.site.members if member.has_told(f"worker {worker_id} on kafka"))

    def _runs(self, execution_id: str) -> bool:
        story = self.chronicle.stories.get(execution_id)
        runs = story.folded.listed() if story is not None else ()
        return bool(runs) and runs[0].state.current is S.RUNNING and bool(runs[0].attempts)

    def attempts(self, execution_id: str) -> tuple[list[str], int]:
        """Return how the attempts of the one task run have ended, and its epoch."""
        run = self.run(execution_id)
        return [attempt.state.current.value for attempt in run.attempts], run.epoch


@pytest.fixture
def grace() -> str:
    """How long what runs has to end."""
    return "60s"


@pytest.fixture
def scene(kafka: Broker, prefix: str, tmp_path: Path, grace: str) -> Iterator[Scene]:
    """An executor and two workers, none of which is ever found lost: what comes back was handed back."""
    server = {"termination-grace-period": grace, "liveness": {"timeout": NEVER_LOST}}
    with Site(tmp_path, kafka.client, server=server, kafka={"defaults": {"topic-prefix": prefix}}) as site:
        site.start("executor", "limiter", "worker -t 4", "worker -t 4")
        with client_of(site.config, FLOWS.replace("EFFECTS", str(tmp_path / "effects.txt"))) as client:
            chronicle = Chronicle(client.log)
            yield Scene(site, client, chronicle)
            chronicle.close()


def test_a_worker_with_enough_time_finishes_what_it_runs_and_leaves_the_rest(scene: Scene) -> None:
    long = scene.client.create(["nap"])
    worker = scene.worker_of(long[0])
    short = scene.client.create(["short"] * SHORT_ONES)
    scene.chronicle.until(lambda: bool(set(short) & scene.chronicle.finished), "short tasks run")
    assert worker.end() == 0
    scene.chronicle.end_well([*long, *short])
    assert {(*attempts, epoch) for attempts, epoch in map(scene.attempts, [*long, *short])} == {("SUCCESS", 1)}


@pytest.mark.parametrize("grace", ["1s"])
def test_a_worker_with_too_little_time_hands_back_what_does_not_end(scene: Scene) -> None:
    long = scene.client.create(["again"])
    worker = scene.worker_of(long[0])
    short = scene.client.create(["short"] * SHORT_ONES)
    scene.chronicle.until(lambda: bool(set(short) & scene.chronicle.finished), "short tasks run")
    assert worker.end() == 0
    scene.chronicle.end_well([*long, *short])
    assert scene.attempts(long[0]) == (["RESUBMITTED", "SUCCESS"], 2)
    assert {(*attempts, epoch) for attempts, epoch in map(scene.attempts, short)} == {("SUCCESS", 1)}


@pytest.mark.parametrize("grace", ["10m"])
def test_a_second_signal_hands_back_at_once(scene: Scene) -> None:
    executions = scene.client.create(["again"])
    worker = scene.worker_of(executions[0])
    worker.signal(signal.SIGTERM)
    scene.chronicle.until(lambda: worker.has_told("stops; what runs has 600 s to end"), "it drains")
    assert scene.run(executions[0]).state.current is S.RUNNING
    worker.signal(signal.SIGINT)
    scene.chronicle.end_well(executions)
    assert scene.attempts(executions[0]) == (["RESUBMITTED", "SUCCESS"], 2)
    assert worker.wait() == 0


@pytest.mark.parametrize("grace", ["1s"])
def test_the_script_of_a_task_that_is_handed_back_ends_with_it(scene: Scene, tmp_path: Path) -> None:
    executions = scene.client.create(["script"])
    worker = scene.worker_of(executions[0])
    effects = tmp_path / "effects.txt"
    scene.chronicle.until(effects.exists, "the script has begun")
    assert worker.end() == 0
    scene.chronicle.end_well(executions)
    assert scene.attempts(executions[0]) == (["RESUBMITTED", "SUCCESS"], 2)
    assert effects.read_text(encoding="utf-8").splitlines() == ["begun 0", "begun 1", "done 1"]


@pytest.mark.parametrize("crowd", [("executor", "executor", "limiter", "limiter", "worker"), ("standalone", "standalone")])
def test_all_of_one_kind_are_replaced_one_by_one_while_executions_run(
    kafka: Broker, prefix: str, tmp_path: Path, crowd: tuple[str, ...]
) -> None:
    """An upgrade in passing: nothing that runs notices it."""
    server = {"liveness": {"timeout": NEVER_LOST}}
    with Site(tmp_path, kafka.client, server=server, kafka={"defaults": {"topic-prefix": prefix}}) as site:
        old = site.start(*crowd)
        with client_of(site.config, WORK) as client:
            chronicle = Chronicle(client.log)
            flows = ["side_by_side", "looping", "delayed", "retried", "calling", "limited", "in_a_directory", "until"]
            created = client.create(flows)
            for component, member in zip(crowd, old, strict=True):
                (new,) = site.start(component)
                created += client.create(flows * 3)
                assert member.end() == 0
                assert new.is_ready()
            chronicle.until(lambda: set(created) <= chronicle.finished, "all executions end", PATIENCE)
            chronicle.catch_up()
            assert list(chronicle.faults()) == []
            chronicle.close()
