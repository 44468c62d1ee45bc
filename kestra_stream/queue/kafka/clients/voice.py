"""What the client library says: its lines in, out those that nobody else tells better."""

import logging
from collections.abc import Collection

# A person writes the properties of all kinds of clients in one place: that some of them are for another kind is no news.
_FOR_OTHERS = "property and will be ignored by this"
REFUSALS = frozenset({"FAIL", "ERROR"})
"""The lines about a connection that fails: whoever gives the client an `error_cb` hears the same there."""
# How a client ends, or its transaction: whoever asked it is told the same, and says what becomes of it. Rebalances have such lines.
_TOLD_AGAIN = frozenset({"TXNERR", "FATAL"})


class Voice(logging.Filter):
    """Holds back what is no news, and lowers what is told once more by us to INFO: it is nothing that anybody has to look after.

    Args:
        but: kinds of lines that are told elsewhere, as `REFUSALS`.
    """

    def __init__(self, but: Collection[str] = ()) -> None:
        super().__init__()
        self._but = frozenset(but)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a line is told; those that are not the library's always are."""
        match record.args:
            case (str(kind), str(client), text) if client.startswith("rdkafka#"):
                if kind in _TOLD_AGAIN:
                    record.levelno, record.levelname = logging.INFO, logging.getLevelName(logging.INFO)
                return kind not in self._but and _FOR_OTHERS not in str(text)
            case _:
                return True


def voice(name: str, but: Collection[str] = ()) -> logging.Logger:
    """Return the logger of this name, without what is no news."""
    logger = logging.getLogger(name)
    if not any(isinstance(each, Voice) for each in logger.filters):
        logger.addFilter(Voice(but))
    return logger
