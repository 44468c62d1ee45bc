"""The conformance set on the memory family; what an expectation says is in [performance](performance.py)."""

from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from kestra_stream.executor import processor
from tests.flows.driven import DrivenStage
from tests.flows.history import Notes
from tests.flows.performance import FLOWS, HERE, NAMES, expectation, perform
from tests.unit.plugin.core.server import Server, serving


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What flows see of the process around them."""
    monkeypatch.setenv("SECRET_TOKEN", "b3Blbi1zZXNhbWU=")
    monkeypatch.setenv("ENV_PLANET", "earth")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """What a flow with an input `server` talks to."""
    with serving() as one:
        yield one


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Notes:
    """What the engine thinks, step by step."""
    notes = Notes()
    monkeypatch.setattr(processor, "decide", notes.decide)
    return notes


@pytest.mark.parametrize("path", FLOWS, ids=NAMES)
def test_flow(path: Path, tmp_path: Path, server: Server, notes: Notes) -> None:
    """The story is as expected, and the log tells every state that there was on the way."""
    stage = play(path, tmp_path, server.url)
    notes.check(stage.driver.log, stage.driver.clock.now())


def play(path: Path, folder: Path, server: str, seed: int | None = None, *, as_bytes: bool = False) -> DrivenStage:
    """Play a story with the driver and compare what is seen with what is expected; return its stage."""
    stage = DrivenStage(path, folder, seed, as_bytes=as_bytes)
    perform(stage, expectation(path), server)
    return stage


def test_the_set_is_complete() -> None:
    """Every flow has its expectation beside it, and every expectation its flow."""
    flows = {path.with_suffix("") for path in FLOWS}
    expectations = {path.with_name(path.name.removesuffix(".expected.yaml")) for path in HERE.glob("*/*.expected.yaml")}
    assert flows == expectations


@pytest.mark.parametrize("path", FLOWS, ids=NAMES)
def test_flow_under_mischief(path: Path, tmp_path: Path, server: Server) -> None:
    """Late, doubled and reordered reports, processors that crash and executors that come and go change no story."""
    play(path, tmp_path, server.url, seed=crc32(path.name.encode()))


@pytest.mark.parametrize("path", FLOWS, ids=NAMES)
def test_flow_as_bytes(path: Path, tmp_path: Path, server: Server, notes: Notes) -> None:
    """What travels as JSON, and comes back from the stored state of a processor that crashed, changes no story."""
    stage = play(path, tmp_path, server.url, seed=crc32(path.name.encode()) + 1, as_bytes=True)
    notes.check(stage.driver.log, stage.driver.clock.now())
