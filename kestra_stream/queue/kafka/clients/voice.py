"""What the client library says: its lines in; each at most once a minute out, and none that somebody else tells better."""

import logging
import re
import time
from collections.abc import Callable, Collection

_AGAIN_AFTER = 60.0
_MOST_KEPT = 1_000
_NUMBERS = re.compile(r"\d+")
# A person writes the properties of all kinds of clients in one place: that some of them are for another kind is no news.
_FOR_OTHERS = "property and will be ignored by this"
REFUSALS = frozenset({"FAIL", "ERROR"})
"""The lines about a connection that fails: whoever gives the client an `error_cb` hears the same there."""


class Voice(logging.Filter):
    """Passes on what is new.

    Args:
        but: kinds of lines that are told elsewhere, as `REFUSALS`.
        now: seconds that only ever grow.
    """

    def __init__(self, but: Collection[str] = (), now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._but = frozenset(but)
        self._now = now
        self._told: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is told; those that are not the library's always are."""
        match record.args:
            case (kind, str(client), text) if client.startswith("rdkafka#") and record.levelno >= logging.INFO:
                return self._is_told(str(kind), str(text))
            case _:
                return True  # with `debug` somebody wants to see all of it

    def _is_told(self, kind: str, text: str) -> bool:
        if kind in self._but or _FOR_OTHERS in text:
            return False
        return self._is_news((kind, _NUMBERS.sub("", text)), self._now())

    def _is_news(self, line: tuple[str, str], now: float) -> bool:
        if now - self._told.get(line, -_AGAIN_AFTER) < _AGAIN_AFTER:
            return False
        if len(self._told) >= _MOST_KEPT:
            self._told.clear()
        self._told[line] = now
        return True


def voice(name: str, but: Collection[str] = ()) -> logging.Logger:
    """Return the logger of this name, which passes on what is new."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, Voice) for each in logger.filters):
        logger.addFilter(Voice(but))
    return logger
