"""One thread that looks at all running jobs: announces long ones, sends their log lines, ends what takes too long or does not listen.

stop (timeout, kill) ──> the attempt ends by itself
    └─ after `interrupt_after` ──> its thread is interrupted ──> it ends
           └─ after `abandon_after` ──> the thread is given up, the end is told, the slot is filled anew
"""

import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from typing import Protocol

from kestra_stream.models.duration import format_duration
from kestra_stream.plugin.context.control import StopReason
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.pool.running import Guard, RunningJob

_PAUSE = 0.5


class Watched(Protocol):
    """What the watchdog does to a job through its worker."""

    def announce(self, job: RunningJob) -> None:
        """Tell that the job runs."""
        ...

    def send_logs(self, job: RunningJob) -> None:
        """Send the lines that it has written."""
        ...

    def abandon(self, job: RunningJob) -> None:
        """Give its thread up."""
        ...

    def flush(self) -> object:
        """Try again to send what could not be sent."""
        ...


class Watchdog:
    """Ticks while anything runs; sleeps otherwise.

    Args:
        running: returns the jobs in slots now.
        worker: what is told about them.
    """

    def __init__(self, running: Callable[[], list[RunningJob]], worker: Watched, limits: WorkerLimits) -> None:
        self._running = running
        self._worker = worker
        self._limits = limits
        self._wanted = Event()
        self._closed = False
        self._thread = Thread(target=self._loop, name="worker-watchdog", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There is something to look at."""
        if not self._wanted.is_set():
            self._wanted.set()

    def close(self) -> None:
        """End, and wait for the thread."""
        self._closed = True
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self, job: RunningJob, now: float) -> None:
        """Do what is due for one job at this monotonic time."""
        if not job.announced and now - job.started_monotonic >= self._limits.grace:
            self._worker.announce(job)
        if job.logs:
            self._worker.send_logs(job)
        for guard in tuple(job.guards):
            if self._is_hopeless(guard, now):
                self._worker.abandon(job)

    def _is_hopeless(self, guard: Guard, now: float) -> bool:
        """Enforce a guard; true when nothing is left to try."""
        control = guard.control
        if control.reason is None:
            if guard.deadline is not None and now >= guard.deadline and guard.timeout is not None:
                control.stop(StopReason.TIMED_OUT, format_duration(timedelta(seconds=guard.timeout)))
            return False
        if guard.stopped_at is None:
            guard.stopped_at = now
        if guard.interrupted_at is not None:
            return now - guard.interrupted_at > self._limits.abandon_after
        patience = self._limits.cleanup_time if control.has_callbacks else self._limits.interrupt_after
        if now - guard.stopped_at > patience:
            guard.interruptible.interrupt()
            guard.interrupted_at = now
        return False

    def _loop(self) -> None:
        while not self._closed:
            jobs = self._running()
            now = time.monotonic()
            for job in jobs:
                # a job that has just begun is left alone: most end before anybody needs to look
                if now - job.started_monotonic >= self._limits.tick:
                    self.look(job, now)
            self._worker.flush()
            if jobs:
                time.sleep(self._limits.tick)
            else:
                self._wanted.clear()
                if not self._running():
                    self._wanted.wait(_PAUSE)
