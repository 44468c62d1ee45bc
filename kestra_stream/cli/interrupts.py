"""Interrupts: Ctrl-C, a request to end and a closed terminal, counted instead of raised."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """How often somebody asked the run to end."""

    def __init__(self) -> None:
        self.count = 0

    def _count(self, _: int, __: FrameType | None) -> None:
        self.count += 1

    @contextmanager
    def counted(self) -> Generator[None, None, None]:
        """Count signals while the block runs; nothing is interrupted by them."""
        before = {number: signal.signal(number, self._count) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
