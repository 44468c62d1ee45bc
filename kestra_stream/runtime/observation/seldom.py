"""Lines of a client library that come again and again in, one of each in a while out, with the number of those that were held back.

A client that waits for a broker tells of each try to connect, and a process has a dozen clients: together they would fill a disk.
"""

import logging
import re
import time
from collections.abc import Callable

_WHO_AND_WHEN = re.compile(r"\[(?:rdkafka#|thrd:)[^\]]*\]:? ?|(?:Group|Txn)Coordinator: (?=\S+:\d)|\s*\(after \d+ms.*\)$")
_PLACE = re.compile(r"(?<=:\d)/(?:bootstrap|\d+)\b|(?<=\d)/(?:bootstrap|\d+)(?=: )")
_NUMBER = re.compile(r"\d+ms|\d+ (?:message|identical)")
_MOST_KINDS = 500
_CONNECTION = "FAIL "


class Seldom(logging.Filter):
    """Lets a line pass once in `seconds`, whichever client of the process tells it.

    Args:
        monotonic: tells the time.
    """

    def __init__(self, seconds: float = 30.0, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._seconds = seconds
        self._monotonic = monotonic
        self._told: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line passes; one that does is made shorter, and tells how many were held back since the last one like it.

        Whoever asks for all that the library does gets all.
        """
        if record.levelno <= logging.DEBUG:
            return True
        text = _PLACE.sub("", _WHO_AND_WHEN.sub("", record.getMessage())).rstrip()
        if text.startswith(_CONNECTION):
            # the client connects again by itself: what can not be done meanwhile is told by whoever waits for it
            record.levelno, record.levelname = min((record.levelno, record.levelname), (logging.WARNING, "WARNING"))
            text = f"{text.removeprefix(_CONNECTION)}; it is tried again until it answers"
        kind, now = _NUMBER.sub("", text), self._monotonic()
        at, held = self._told.get(kind, (float("-inf"), 0))
        if now - at < self._seconds:
            self._told[kind] = (at, held + 1)
            return False
        if kind not in self._told and len(self._told) >= _MOST_KINDS:
            self._told.clear()
        self._told[kind] = (now, 0)
        record.msg, record.args = (text if held == 0 else f"{text} ({held} more lines like this one)"), ()
        return True


def tell_seldom(name: str) -> None:
    """Let the lines of a logger pass seldom; once is enough."""
    chatty = logging.getLogger(name)
    if not any(isinstance(present, Seldom) for present in chatty.filters):
        chatty.addFilter(Seldom())
