"""How an attempt is told to stop: one flag, the callbacks that end its work, and a sleep that wakes up."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import StrEnum
from threading import Event, Lock

from kestra_stream.plugin.api import Stopped


class StopReason(StrEnum):
    """Why an attempt has to stop: somebody killed it, its time is over, or its worker goes away (then nobody hears of its end)."""

    KILLED = "killed"
    TIMED_OUT = "timed out"
    ABANDONED = "abandoned"


class Control:
    """The stop switch of one attempt. Thread-safe; only the first reason counts."""

    __slots__ = ("_callbacks", "_lock", "_woken", "detail", "reason")

    def __init__(self) -> None:
        self._lock = Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._woken: Event | None = None
        self.reason: StopReason | None = None
        self.detail = ""

    @property
    def is_stopped(self) -> bool:
        """Whether the attempt should end as soon as it can."""
        return self.reason is not None

    @property
    def has_callbacks(self) -> bool:
        """Whether some work is going on that knows how to end itself."""
        return bool(self._callbacks)

    def stop(self, reason: StopReason, detail: str = "") -> bool:
        """Ask the attempt to end, and call what ends its work; False when it was asked before."""
        with self._lock:
            if self.reason is not None:
                return False
            self.detail = detail
            self.reason = reason
            callbacks = tuple(self._callbacks)
            if self._woken is not None:
                self._woken.set()
        for callback in callbacks:
            callback()
        return True

    @contextmanager
    def on_stop(self, callback: Callable[[], None]) -> Generator[None, None, None]:
        """Call `callback` (from the thread that stops) when the attempt is stopped inside the block, or was before."""
        with self._lock:
            stopped = self.reason is not None
            self._callbacks.append(callback)
        try:
            if stopped:
                callback()
            yield
        finally:
            with self._lock:
                self._callbacks.remove(callback)

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds.

        Raises:
            Stopped: the attempt was stopped meanwhile.
        """
        with self._lock:
            if self._woken is None:
                self._woken = Event()
            if self.reason is not None:
                self._woken.set()
        if self._woken.wait(max(seconds, 0.0)):
            raise Stopped
