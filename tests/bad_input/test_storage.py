"""A storage that fails: nothing can be written, the disk is full, a read breaks in the middle."""

import errno
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import pytest

from kestra_stream.plugin.api import RunContext
from kestra_stream.storage.local import LocalStorage
from tests.bad_input.bench import Bench, Left
from tests.bad_input.test_scripts import script

pytestmark = pytest.mark.slow


class Breaking(io.RawIOBase):
    """A stream that ends in an error."""

    def __init__(self) -> None:
        super().__init__()
        self._left = 3

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        """Give a few bytes, then fail."""
        self._left -= 1
        if self._left < 0:
            raise OSError(errno.EIO, "the disk does not answer")
        buffer[:4] = b"data"
        return 4


class Failing(LocalStorage):
    """Local storage on a disk that breaks: what is written under some names, and what is read from others."""

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file that may break."""
        return io.BufferedReader(Breaking()) if "breaks" in uri else super().get(tenant, uri, start, end)

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        """Store a file unless the disk is full."""
        return super().put(tenant, uri, io.BufferedReader(Breaking()) if "full" in uri or "/_outputs/" in uri else content, metadata)


@pytest.fixture
def failing(tmp_path: Path, temporary: Path) -> Iterator[Bench]:
    """An engine whose storage fails for some names; nothing half-written may be left in it."""
    before = Left.now(temporary)
    bench = Bench(tmp_path, storage=Failing(tmp_path / "storage"))
    bench.engine.start()
    yield bench
    bench.until(lambda: bench.engine.busy_slots == 0)
    bench.follower.close()
    bench.engine.stop()
    assert Left.now(temporary).since(before) == {}
    assert [path for path in (tmp_path / "storage").rglob(".kestra-*") if path.is_file()] == []


def test_a_disk_that_is_full_fails_the_task_that_writes(failing: Bench) -> None:
    story = failing.end(failing.task(script("echo x > full", "outputFiles: [full]")))
    assert (story.state, story.errors) == ("FAILED", ["bad: OSError: [Errno 5] the disk does not answer"])


def test_a_read_that_breaks_fails_the_task_that_reads(failing: Bench) -> None:
    story = failing.end(failing.task(script("cat x", "inputFiles: {x: kestra:///tests/bad/_files/breaks}")))
    assert (story.state, story.errors) == ("FAILED", ["bad: OSError: [Errno 5] the disk does not answer"])


def test_a_big_output_that_cannot_be_stored_fails_its_task(failing: Bench) -> None:
    def work(_: RunContext) -> dict[str, str]:
        return {"v": "x" * 1_000_000}

    story = failing.end(failing.does(work))
    assert (story.state, story.errors) == ("FAILED", ["bad: OSError: [Errno 5] the disk does not answer"])


def test_a_log_file_that_cannot_be_stored_fails_its_task(failing: Bench) -> None:
    flow = "id: full\nnamespace: tests.bad\ntasks: [{id: bad, type: io.kestra.plugin.core.log.Log, message: x, logToFile: true}]"
    story = failing.end(failing.start(flow))
    assert (story.state, story.errors) == ("FAILED", ["bad: OSError: [Errno 5] the disk does not answer"])


def test_a_file_in_the_way_of_a_folder_is_named(bench: Bench) -> None:
    bench.engine.backend.storage.put("main", "kestra:///tests/bad/bad", b"x")
    story = bench.end(bench.task(script("echo x > y", "outputFiles: [y]")))
    assert story.state == "FAILED"
    assert "lies below a file" in story.errors[0]
