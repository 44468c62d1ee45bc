"""The engine of one test; at its end nothing may be left: no process, thread, temporary file, descriptor or slot."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bad_input.bench import Bench, Left


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The temporary folder of this process and of all that it starts."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def bench(tmp_path: Path, temporary: Path) -> Iterator[Bench]:
    """A running engine."""
    before = Left.now(temporary)
    bench = Bench(tmp_path)
    bench.engine.start()
    yield bench
    bench.until(lambda: bench.engine.busy_slots == 0)
    bench.follower.close()
    bench.engine.stop()
    assert Left.now(temporary).since(before) == {}
