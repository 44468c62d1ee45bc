"""One process of a service: started behind a guard, watched by its id, stopped, killed, frozen and let go on."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from tests.services.errors import ServiceError
from tests.services.places import Place

GUARD = Path(__file__).with_name("guard.py")
SHOWN_LINES = 40
_TICK = threading.Event()  # never set: to wait for it is to let a moment pass


def wait_until(holds: Callable[[], bool], patience: float, what: str) -> None:
    """Look again and again until something holds; an error says what did not happen in that many seconds."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise ServiceError(f"{what}: not within {patience:g} s")
        _TICK.wait(0.02)


class Startable(ABC):
    """A service that runs for as long as a `with` block lasts."""

    @abstractmethod
    def start(self) -> Self:
        """Start it; returns once it can be used."""

    @abstractmethod
    def close(self) -> None:
        """End it, and remove its data."""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ServiceProcess:
    """A process whose output goes to a log; it dies with the last holder of its lifeline."""

    def __init__(self, name: str, command: Sequence[str], place: Place, environment: Mapping[str, str] | None = None) -> None:
        """Note what to start; its log and its data lie in `place` under its name; variables of the environment hold its secrets."""
        self.name = name
        self.log = place.directory / f"{name}.log"
        self.data = place.directory / name
        self._command = command
        self._place = place
        self._environment = {**os.environ, **(environment or {})}
        self._process: psutil.Process | None = None
        self._log_began = 0

    @property
    def id(self) -> int:
        """The id of the process that was started last."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_alive(self) -> bool:
        """Whether it runs (frozen or not)."""
        return self._process is not None and self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE

    def start(self) -> None:
        """Start it; the log of an earlier start goes on."""
        if self.is_alive:
            raise ServiceError(f"{self.name} runs already")
        self._log_began = self.log.stat().st_size if self.log.exists() else 0
        scratch = "" if self._place.is_kept else str(self.data)
        guard = [sys.executable, "-I", str(GUARD), str(self._place.lifeline), str(self.log), scratch, *self._command]
        started = subprocess.run(guard, cwd=self._place.directory, env=self._environment, capture_output=True, text=True, check=False)
        if not started.stdout.isdecimal():
            raise ServiceError(f"{self.name} does not start: {started.stderr}{self.last_lines()}")
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process = psutil.Process(int(started.stdout))

    def ready(self, holds: Callable[[], bool], patience: float) -> None:
        """Wait until it is of use; when it is not in time, or ends, the error shows the last lines of its log."""
        try:
            wait_until(lambda: not self.is_alive or holds(), patience, f"{self.name} is ready")
        except ServiceError as error:
            raise ServiceError(f"{error}. {self.last_lines()}") from None
        self.check()

    def has_said(self, text: str) -> bool:
        """Tell whether a text is in its log since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._log_began)
            return text.encode() in log.read()

    def check(self) -> None:
        """Raise when it does not run; the error shows the last lines of its log."""
        if not self.is_alive:
            raise ServiceError(f"{self.name} has ended. {self.last_lines()}")

    def stop(self, patience: float = 20) -> None:
        """Ask it to end, and kill it when it does not in time."""
        self._signal(signal.SIGCONT)
        self._signal(signal.SIGTERM)
        try:
            self._wait(patience)
        except psutil.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Kill it as the power does (SIGKILL)."""
        self._signal(signal.SIGKILL)
        self._wait(20)

    def pause(self) -> None:
        """Freeze it (SIGSTOP); when this returns, no thread of it runs any more."""
        self._signal(signal.SIGSTOP)
        wait_until(lambda: not self.is_alive or self._is_frozen(), 20, f"{self.name} is frozen")

    def resume(self) -> None:
        """Let a frozen one go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def remove_data(self) -> None:
        """Remove what it has stored."""
        shutil.rmtree(self.data, ignore_errors=True)

    def last_lines(self) -> str:
        """Return the end of the log, with its place."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([f"Its log, {self.log}, ends:", *lines[-SHOWN_LINES:]])

    def _is_frozen(self) -> bool:
        threads = Path(f"/proc/{self.id}/task")
        if not threads.exists():
            return self._process is not None and self._process.status() == psutil.STATUS_STOPPED
        try:
            states = [(thread / "stat").read_text(encoding="utf-8").rpartition(") ")[2][0] for thread in threads.iterdir()]
        except FileNotFoundError:
            return False
        return set(states) <= {"T", "t"}

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                self._process.send_signal(number)

    def _wait(self, patience: float) -> None:
        if self._process is not None:
            self._process.wait(patience)
