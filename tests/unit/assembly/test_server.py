"""A process: which component has which loops, when it is healthy and ready, and what its figures say."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from threading import Event, Thread
from typing import ClassVar

import pytest

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.door import door_of
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.watch import Watch
from kestra_stream.errors import Invalid
from kestra_stream.models.execution_input import TaskRunEnded
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import ServiceState
from kestra_stream.models.state import StateType
from kestra_stream.plugin.api import RunContext, RunnableTask
from kestra_stream.plugin.registry import GROUP, Registry
from kestra_stream.queue.interface import Outgoing
from kestra_stream.runtime.clock import Clock, SystemClock
from kestra_stream.runtime.lifecycle import Crashed
from kestra_stream.runtime.observation.health import Health, Status
from kestra_stream.settings import LivenessSettings, LocalStorageSettings, ServerSettings, Settings, StorageSettings, WorkerSettings
from kestra_stream.topics import EXECUTION_INBOX, SERVICE
from kestra_stream.webserver.services import ExecutionService, FlowService
from tests.bad_input.bench import BrokenClock
from tests.unit.assembly.polling import until

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    storage = StorageSettings(local=LocalStorageSettings(base_path=tmp_path))
    liveness = LivenessSettings(step_timeout=timedelta(seconds=0.2))
    return Settings(storage=storage, worker=WorkerSettings(slots=3, group="gpu"), server=ServerSettings(liveness=liveness))


def built(component: Component, settings: Settings, clock: Clock | None = None) -> Server:
    clock = clock or SystemClock()
    return Server(component, Equipment(settings, open_backend(settings, clock), clock))


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    server = built(Component.STANDALONE, settings)
    yield server
    server.stop(0.0)


@pytest.mark.parametrize(
    ("component", "groups", "workers"),
    [
        (Component.EXECUTOR, {"executor", "liveness"}, 0),
        (Component.LIMITER, {"limiter", "flow-limits"}, 0),
        (Component.WORKER, set(), 1),
        (Component.STANDALONE, {"executor", "liveness", "limiter", "flow-limits", "indexer"}, 1),
    ],
)
def test_components_have_their_loops(component: Component, groups: set[str], workers: int, settings: Settings) -> None:
    server = built(component, settings)
    assert (set(server.loops), int(server.worker is not None)) == (groups, workers)
    assert (server.executor is not None) == ("executor" in groups)
    server.stop(0.0)


def is_up(health: Health) -> bool:
    return health.status is Status.UP


def test_ready_once_partitions_and_jobs_are_taken_and_no_longer_while_it_drains(server: Server) -> None:
    watch = Watch(server)
    assert not is_up(watch.readiness())
    assert is_up(watch.liveness())
    server.start()
    until(lambda: is_up(watch.readiness()))
    assert is_up(watch.health())
    server.stop(0.0)
    assert not is_up(watch.readiness())


def test_a_step_that_does_not_end_is_no_life(server: Server) -> None:
    watch = Watch(server)
    loop = server.loops["limiter"]
    with loop.pulse.step():
        until(lambda: not is_up(watch.liveness()))
        assert watch.liveness().as_json()["details"]["loop-limiter"]["status"] == "DOWN"  # type: ignore[index]  # a JSON document
    assert is_up(watch.liveness())


def test_a_crash_is_no_life(settings: Settings) -> None:
    clock = BrokenClock()
    server = built(Component.EXECUTOR, settings, clock)
    watch = Watch(server)
    server.start()
    clock.is_broken.set()
    server.equipment.backend.log.send((Outgoing(EXECUTION_INBOX, "x", TaskRunEnded("a", 1, StateType.SUCCESS, NOW, NOW)),))
    until(lambda: not is_up(watch.liveness()))
    assert "no clock" in str(watch.liveness().as_json())
    with pytest.raises(Crashed, match="the executor has crashed: OSError: no clock"):
        server.check()
    server.stop(0.0)


def test_figures_of_a_worker_and_a_report_that_is_stale(server: Server) -> None:
    Watch(server)
    server.start()
    server.equipment.backend.log.send((Outgoing(EXECUTION_INBOX, "x", TaskRunEnded("a", 1, StateType.SUCCESS, NOW, NOW)),))
    until(lambda: "kestra_stale_results_total 1.0" in server.equipment.metrics.text().decode())
    lines = server.equipment.metrics.text().decode().splitlines()
    assert 'kestra_worker_slots{group="gpu"} 3.0' in lines
    assert 'kestra_lag{group="executor",topic="execution_inbox"} 0.0' in lines
    assert 'kestra_lag{group="worker_job.gpu",topic="worker_job.gpu"} 0.0' in lines
    assert 'kestra_dead_letters_total{group="worker_job.gpu"} 0.0' in lines


def test_a_storage_that_is_not_there_is_told(settings: Settings) -> None:
    wrong = settings.model_copy(update={"storage": StorageSettings(type="s3")})
    with pytest.raises(Invalid, match="bucket"):
        open_backend(wrong, SystemClock())


class Naps(RunnableTask):
    """Runs until it is stopped."""

    type_name: ClassVar[str] = "tests.Naps"
    began: ClassVar[Event] = Event()

    def run(self, context: RunContext) -> None:
        """Wait."""
        self.began.set()
        context.sleep(timedelta(minutes=1))


def test_an_attempt_that_runs_has_the_grace_time_and_is_handed_back_when_somebody_is_in_a_hurry(settings: Settings) -> None:
    """`stop` waits for it; `hurry` ends that wait, and the last heartbeat names what is to run elsewhere."""
    registry = Registry(tuple(entry_points(group=GROUP)))
    registry.register(Naps)
    clock = SystemClock()
    backend = open_backend(settings, clock)
    equipment = Equipment(settings.model_copy(update={"worker": WorkerSettings(slots=1)}), backend, clock, registry)
    executing, working = Server(Component.EXECUTOR, equipment), Server(Component.WORKER, equipment)
    ear = backend.log.reader((SERVICE,))
    source = "id: naps\nnamespace: t.t\ntasks:\n  - {id: nap, type: tests.Naps}\n"
    door = door_of(equipment, None)
    saved = FlowService(door).save(FlowSource("main", "t.t", "naps", 0, source, {}))
    flow = equipment.table.get("main", "t.t", "naps", saved.revision)
    assert flow is not None
    executing.start()
    working.start()
    ExecutionService(door).create(flow)
    assert Naps.began.wait(60)
    stopping = Thread(target=working.worker.stop if working.worker else int, args=(60.0,))
    stopping.start()
    stopping.join(0.3)
    assert stopping.is_alive()
    working.hurry()
    stopping.join(60)
    assert not stopping.is_alive()
    beats = [record.value for records in ear.catch_up() for record in records]
    assert (beats[-1].state, len(beats[-1].held)) == (ServiceState.TERMINATED, 1)
    working.stop(0.0)
    executing.stop(0.0)


def test_servers_of_one_process_leave_its_garbage_collector_as_it_was(settings: Settings) -> None:
    """Whatever the order in which they stop."""
    usual = gc.get_threshold()
    servers = [built(component, settings) for component in (Component.EXECUTOR, Component.WORKER)]
    for server in servers:
        server.start()
    assert gc.get_threshold() != usual
    for server in servers:
        server.stop(0.0)
        server.stop(0.0)
    assert gc.get_threshold() == usual
