"""Lifecycle: parts of a process in, each in a thread of its own; stopped in the opposite order, and a crash of one is told.

Signals are the business of the command line: it calls `stop`.
"""

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Protocol

from kestra_stream.errors import Fatal

logger = logging.getLogger(__name__)


class Part(Protocol):
    """Something that runs until it is told to stop: a Loop, a LoopGroup."""

    def run(self) -> None:
        """Work until `stop`; return after the step that is under way, with nothing left behind."""
        ...

    def stop(self) -> None:
        """Ask `run` to return; returns at once."""
        ...


class Crashed(Fatal):
    """A part has ended by an error that it did not expect; the error is the cause."""

    def __init__(self, name: str, error: BaseException) -> None:
        super().__init__(f"{name} has crashed: {type(error).__name__}: {error}")
        self.__cause__ = error


class Lifecycle:
    """Runs parts.

    Args:
        parts: by name, in the order in which they start; the first one is the last to stop.
        on_crash: told, in the thread of the part, that one has crashed; the others go on until `stop`.
    """

    def __init__(self, parts: Mapping[str, Part], on_crash: Callable[[str], None] | None = None) -> None:
        self._parts = dict(parts)
        self._on_crash = on_crash
        self._threads: dict[str, Thread] = {}
        self._crashes: dict[str, BaseException] = {}
        self._ended = Event()

    def start(self) -> None:
        """Start all parts."""
        for name, part in self._parts.items():
            self._threads[name] = Thread(target=self._run, args=(name, part), name=name, daemon=True)
            self._threads[name].start()

    def stop(self, timeout: float = 10.0) -> list[str]:
        """Stop the parts one after the other, last one first, each after its present step; return who did not end in time."""
        deadline = time.monotonic() + timeout
        for name, part in reversed(self._parts.items()):
            part.stop()
            if name in self._threads:
                self._threads[name].join(max(deadline - time.monotonic(), 0.0))
        self._ended.set()
        return [name for name, thread in self._threads.items() if thread.is_alive()]

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until a part has crashed or all were stopped; return whether that is so.

        Raises:
            Crashed: a part has crashed.
        """
        over = self._ended.wait(timeout)
        self.check()
        return over

    def check(self) -> None:
        """Tell of a crash.

        Raises:
            Crashed: a part has crashed.
        """
        for name, error in self._crashes.items():
            raise Crashed(name, error)

    def _run(self, name: str, part: Part) -> None:
        try:
            part.run()
        except Exception as error:
            trace = None if isinstance(error, Fatal) else error
            logger.log(logging.ERROR, "%s has crashed: %s", name, error, exc_info=trace)
            self._crashes[name] = error
            self._ended.set()
            if self._on_crash is not None:
                self._on_crash(name)
