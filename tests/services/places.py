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
KEPT_RUNS = 20


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


def settled(place: Place | None, name: str) -> tuple[Place, Lifeline]:
    """Return where a service lives, a new directory if nothing is said, with its lifeline in hand."""
    if place is not None:
        return place, Lifeline(place.lifeline)
    lifeline = new_run(name)
    return Place(lifeline.path.parent, lifeline.path), lifeline


def new_run(name: str) -> Lifeline:
    """Make a directory for services that are about to start, with a lifeline in it; what dead runs have left goes, but for the newest logs."""
    with locked(HOME / "runs.lock"):
        RUNS.mkdir(parents=True, exist_ok=True)
        lifeline = Lifeline(Path(mkdtemp(prefix=f"{name}-", dir=RUNS)) / "alive")
        dead = [run for run in RUNS.iterdir() if not is_held(run / "alive")]
        logged = sorted((run for run in dead if any(run.glob("*.log"))), key=lambda run: run.stat().st_mtime, reverse=True)
        for run in dead:
            left = [path for path in run.iterdir() if path.is_dir()] if run in logged[:KEPT_RUNS] else [run]
            for path in left:
                shutil.rmtree(path, ignore_errors=True)
    return lifeline
