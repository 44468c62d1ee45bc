"""Waiting for what other threads and processes do: a look every few milliseconds, until a deadline."""

import time
from collections.abc import Callable
from threading import Event

_LOOK = 0.01


def until(is_so: Callable[[], bool], seconds: float = 60.0) -> None:
    """Return once something is so; fail when it is not in time."""
    deadline, pause = time.monotonic() + seconds, Event()
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        pause.wait(_LOOK)
