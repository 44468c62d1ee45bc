"""Threads that run jobs: started when needed, ended when idle.

A batch of jobs wakes one thread. It takes one job after the other; only when it does not get through at once are more threads
woken (`nudge`). So a hundred trivial jobs cost one wake-up, and a slow job blocks nobody for longer than a moment.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Lock, Thread, current_thread, get_ident
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

J = TypeVar("J")

_IDLE_SECONDS = 30.0


class Slots(Generic[J]):
    """At most `count` threads; `work` runs one job and must not raise."""

    def __init__(self, count: int, work: Callable[[J], None], name: str) -> None:
        self._count = count
        self._work = work
        self._name = name
        self._ready: deque[J] = deque()
        lock = Lock()
        self._jobs = Condition(lock)
        self._room = Condition(lock)
        self._threads: dict[int, Thread] = {}
        self._idle = 0
        self._busy = 0
        self._number = 0
        self._abandoned: set[int] = set()
        self._closed = False

    @property
    def has_ready(self) -> bool:
        """Whether jobs wait for a thread."""
        return bool(self._ready)

    @property
    def busy(self) -> int:
        """How many jobs run."""
        return self._busy

    def wait_free(self, timeout: float) -> int:
        """Return how many more jobs there is room for; wait at most so many seconds for the first."""
        with self._room:
            self._room.wait_for(lambda: self._closed or self._free() > 0, timeout)
            return 0 if self._closed else self._free()

    def wait_taken(self, timeout: float) -> bool:
        """Wait until no job is in line; False when there still is one after so many seconds."""
        with self._room:
            return self._room.wait_for(lambda: not self._ready, timeout)

    def wait_idle(self, timeout: float) -> bool:
        """Wait until no job runs; False when there still is one after so many seconds."""
        with self._room:
            return self._room.wait_for(lambda: not self._ready and self._busy == 0, timeout)

    def offer(self, jobs: Sequence[J]) -> None:
        """Put jobs in line and wake one thread."""
        with self._jobs:
            self._ready.extend(jobs)
        self.nudge(1)

    def nudge(self, threads: int) -> None:
        """Wake or start so many more threads, if that many jobs wait."""
        with self._jobs:
            wanted = min(threads, len(self._ready))
            self._jobs.notify(wanted)
            for _ in range(min(wanted - self._idle, self._count - len(self._threads))):
                self._number += 1
                thread = Thread(target=self._loop, name=f"{self._name}-{self._number}", daemon=True)
                # started under the lock: whoever sees a thread here may join it
                thread.start()
                self._threads[id(thread)] = thread

    def take_back(self) -> Sequence[J]:
        """Return the jobs that no thread has begun."""
        with self._room:
            jobs = tuple(self._ready)
            self._ready.clear()
            self._room.notify_all()
            return jobs

    def abandon(self, thread: int) -> None:
        """Give up the thread with this identifier: its slot is free, and it ends as soon as its job lets it."""
        with self._room:
            self._abandoned.add(thread)
            self._busy -= 1
            for key, known in tuple(self._threads.items()):
                if known.ident == thread:
                    del self._threads[key]
            self._room.notify_all()

    def close(self, timeout: float) -> None:
        """End all threads that are not inside a job, and wait for them."""
        with self._jobs:
            self._closed = True
            self._jobs.notify_all()
            self._room.notify_all()
            threads = tuple(self._threads.values())
        for thread in threads:
            thread.join(timeout)

    def _free(self) -> int:
        return self._count - self._busy - len(self._ready)

    def _loop(self) -> None:
        job = self._next(was_busy=False)
        while job is not None:
            try:
                self._work(job[0])
            except BaseException:  # the border of the loop: a slot is never lost
                logger.exception("A job ended its slot's thread; the slot goes on")
            job = self._next(was_busy=True)

    def _next(self, *, was_busy: bool) -> tuple[J] | None:
        """Give the slot back if one was held, and return the next job; None when the thread is to end."""
        with self._jobs:
            if was_busy:
                if get_ident() in self._abandoned:
                    self._abandoned.discard(get_ident())
                    return None
                self._busy -= 1
            while not self._ready:
                self._room.notify_all()
                if self._closed or not self._wait_for_job():
                    self._threads.pop(id(current_thread()), None)
                    return None
            self._busy += 1
            job = self._ready.popleft()
            if not self._ready:
                self._room.notify_all()
            return (job,)

    def _wait_for_job(self) -> bool:
        self._idle += 1
        woken = self._jobs.wait(_IDLE_SECONDS)
        self._idle -= 1
        return woken or bool(self._ready)
