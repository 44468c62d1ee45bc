"""A part of the engine that crashes is told to whoever waits, instead of letting them wait for ever."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kestra_stream.assembly.standalone import Standalone
from kestra_stream.cli.engine.embedded import client_of
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.cli.interrupts import Interrupts
from kestra_stream.cli.session import Session, Terms
from kestra_stream.cli.terminal.screen import Silent
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.runtime.lifecycle import Crashed
from kestra_stream.settings import LocalStorageSettings, Settings, StorageSettings
from tests.bad_input.bench import HEALTHY, BrokenClock, Left


@pytest.fixture
def engine(tmp_path: Path, temporary: Path) -> Iterator[Standalone]:
    """An engine whose clock can be broken."""
    before = Left.now(temporary)
    engine = Standalone(Settings(storage=StorageSettings(local=LocalStorageSettings(base_path=tmp_path / "storage"))), clock=BrokenClock())
    engine.start()
    yield engine
    engine.stop()
    assert Left.now(temporary).since(before) == {}


def test_a_crash_of_a_loop_ends_the_wait_of_the_command_line(engine: Standalone) -> None:
    source = engine.flows.save(FlowSource("main", "tests.bad", "healthy", 0, HEALTHY, {}))
    flow = engine.table.get(source.tenant_id, source.namespace, source.id, source.revision)
    assert flow is not None
    follower = Follower(engine.backend.log)
    engine.check()
    assert isinstance(engine.clock, BrokenClock)
    engine.clock.is_broken.set()
    execution = engine.executions.create(flow)
    session = Session(client_of(engine, follower), execution.id, Terms("wait", 60), Interrupts())
    with pytest.raises(Crashed, match="the executor has crashed: OSError: no clock"):
        session.run(Silent())
    follower.close()
