"""How often a process looks for garbage in cycles: rarely, while an engine runs in it."""

import gc
from threading import Lock

# Live executions are trees without cycles that reference counts free: see docs/decisions/0004-the-garbage-collector.md.
RARELY = (200_000, 500, 1_000)
"""Thresholds of the garbage collector in a process that executes."""


class Collector:
    """The garbage collector of a process, which all engines in it share: it is as it was once the last of them has stopped. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._engines = 0
        self._usual = gc.get_threshold()

    def look_rarely(self) -> None:
        """An engine starts."""
        with self._lock:
            if self._engines == 0:
                self._usual = gc.get_threshold()
                gc.set_threshold(*RARELY)
            self._engines += 1

    def look_as_usual(self) -> None:
        """One that has started has stopped."""
        with self._lock:
            self._engines -= 1
            if self._engines == 0:
                gc.set_threshold(*self._usual)


COLLECTOR = Collector()
"""That of this process."""
