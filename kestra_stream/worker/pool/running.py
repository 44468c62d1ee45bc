"""What one slot is busy with: the job, its stop switch, what guards it, the logs that it writes."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock, get_ident

from kestra_stream.models.messages import WorkerJob
from kestra_stream.plugin.context.attempt_log import AttemptLog
from kestra_stream.plugin.context.control import Control
from kestra_stream.worker.pool.interrupt import Interruptible


@dataclass(slots=True, eq=False)
class Guard:
    """A deadline (monotonic seconds) of one attempt, and how far its end has been enforced."""

    control: Control
    interruptible: Interruptible
    timeout: float | None
    deadline: float | None
    stopped_at: float | None = None
    interrupted_at: float | None = None


class RunningJob:
    """A job in a slot. Its end is told once: by the thread that runs it, or by the watchdog that gives the thread up."""

    __slots__ = ("_ended", "_lock", "announced", "control", "guards", "job", "logs", "started_at", "started_monotonic", "thread")

    def __init__(self, job: WorkerJob, started_at: datetime) -> None:
        self.job = job
        self.started_at = started_at
        self.started_monotonic = time.monotonic()
        self.control = Control()
        self.guards: list[Guard] = []
        self.logs: list[AttemptLog] = []
        self.announced = False
        self.thread = get_ident()
        self._ended = False
        self._lock = Lock()

    @contextmanager
    def guard(self, control: Control, interruptible: Interruptible, timeout: float | None) -> Generator[None, None, None]:
        """Stop what runs in the block after `timeout` seconds."""
        guard = Guard(control, interruptible, timeout, None if timeout is None else time.monotonic() + timeout)
        self.guards.append(guard)
        try:
            yield
        finally:
            self.guards.remove(guard)

    def announce(self) -> bool:
        """Take the right to tell that the job runs; False when that is too late, or was done."""
        with self._lock:
            if self._ended or self.announced:
                return False
            self.announced = True
            return True

    def end(self) -> bool:
        """Take the right to tell how the job ended; False when another has it."""
        with self._lock:
            if self._ended:
                return False
            self._ended = True
            return True
