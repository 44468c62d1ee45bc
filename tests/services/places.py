"""Where services live: installed ones and the data of running ones, below a directory that git ignores."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Self

HOME = Path(__file__).parents[2] / ".cache" / "services"
RUNS = HOME / "runs"
KEPT_RUNS = 5


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock between processes; it is let go with the process that holds it, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class Lifeline:
    """A shared lock on a file: services that hang on it live for as long as any process holds it.

    The guard of a service waits for the same lock exclusively; it gets it when the last holder has let go or is dead.
    """

    def __init__(self, path: Path) -> None:
        """Take hold."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go; a second time does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.release()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a service lives, and for how long.

    Attributes:
        directory: holds its log and its data.
        lifeline: file of the lifeline that it hangs on.
        is_kept: whether the data outlives the lifeline.
    """

    directory: Path
    lifeline: Path
    is_kept: bool = False

    @classmethod
    def new(cls, name: str) -> "Place":
        """Return a new directory with a lifeline of its own."""
        directory = new_run(name)
        return cls(directory, directory / "alive")


def is_held(path: Path) -> bool:
    """Tell whether any process holds a lifeline."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def new_run(name: str) -> Path:
    """Make a directory for the data and logs of services that are about to start; of dead runs only the newest logs are left."""
    with locked(HOME / "runs.lock"):
        RUNS.mkdir(parents=True, exist_ok=True)
        directory = Path(mkdtemp(prefix=f"{name}-", dir=RUNS))
        (directory / "alive").touch()
        others = sorted((path for path in RUNS.iterdir() if path != directory), key=lambda path: path.stat().st_mtime, reverse=True)
        dead = [path for path in others if not is_held(path / "alive")]
        for old in [*dead[KEPT_RUNS:], *(data for run in dead[:KEPT_RUNS] for data in run.iterdir() if data.is_dir())]:
            shutil.rmtree(old, ignore_errors=True)
    return directory
