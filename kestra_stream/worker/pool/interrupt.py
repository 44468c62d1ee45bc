"""Interrupts Python code that does not listen: raises `Stopped` inside the thread that runs it, and only there.

watchdog                      the attempt's thread
   │                          enter ── user code ─────────────── leave
   └─ interrupt() ───────────────────────> Stopped is raised       │
   └─ interrupt() after leave does nothing ─────────────────────────
"""

import ctypes
from collections.abc import Callable
from threading import Lock, get_ident
from typing import TypeVar

from kestra_stream.plugin.api import Stopped

T = TypeVar("T")


class Interruptible:
    """Runs one function that another thread may interrupt, once."""

    __slots__ = ("_is_over", "_lock", "_sent", "_thread")

    def __init__(self) -> None:
        self._lock = Lock()
        self._thread: int | None = None
        self._sent = False
        self._is_over = False

    def run(self, work: Callable[[], T]) -> T:
        """Call `work`; once this has returned (or raised) no interruption comes any more.

        Raises:
            Stopped: interrupted.
        """
        self._thread = get_ident()
        try:
            try:
                return work()
            finally:
                self._leave()
        except Stopped:
            # the interruption may have hit between the work and the leave
            self._leave()
            raise

    def interrupt(self) -> bool:
        """Raise `Stopped` in the thread that is inside `run`; False when none is, or when it was done before."""
        with self._lock:
            if self._thread is None or self._sent:
                return False
            self._sent = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), ctypes.py_object(Stopped))
            return True

    def _leave(self) -> None:
        """Close the door, and let what may still be on its way be raised here, where it does no harm.

        Whether it was raised before is not known: user code may have swallowed it. So another takes its place and is raised for sure.
        Calling it off (`SetAsyncExc(thread, None)`) would do, but leaves the interpreter alarmed: every thread looks after each of its
        steps for an exception that never comes, and one that is traced does so for ever (Python 3.11).
        """
        while True:
            try:
                with self._lock:
                    self._thread = None
                if self._sent and not self._is_over:
                    self._is_over = True
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(get_ident()), ctypes.py_object(Stopped))
                    while True:
                        pass
            except Stopped:
                continue
            return
