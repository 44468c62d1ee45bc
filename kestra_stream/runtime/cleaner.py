"""The part of a server that sweeps the storage from time to time; of many servers one does it."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event

from kestra_stream.errors import KestraError, Unavailable
from kestra_stream.runtime.orphans import OrphanSweep
from kestra_stream.runtime.oversize import TENANT as ENGINE
from kestra_stream.storage.interface import Storage

logger = logging.getLogger(__name__)

_MARK = "kestra:///_sweeps/last"
_LOOKS = 10


class Cleaner:
    """Runs until it is told to stop (a `Part` of a lifecycle).

    Args:
        storage: holds the mark of the last sweep, which all servers see.
        now: the moment.
        interval: from one sweep to the next, whoever does it.
        age: what is younger is left alone.
    """

    def __init__(self, sweep: OrphanSweep, storage: Storage, now: Callable[[], datetime], interval: timedelta, age: timedelta) -> None:
        self._sweep = sweep
        self._storage = storage
        self._now = now
        self._interval = interval
        self._age = age
        self._stopping = Event()

    def run(self) -> None:
        """Sweep when it is time; a storage or log that does not answer is tried again."""
        while not self._stopping.wait(self._interval.total_seconds() / _LOOKS):
            try:
                self.look()
            except (KestraError, OSError) as error:
                logger.warning("The storage could not be swept, it is tried again: %s", error)

    def stop(self) -> None:
        """End the wait, or the sweep that is under way."""
        self._stopping.set()
        self._sweep.stop()

    def look(self) -> bool:
        """Sweep if the last sweep is long enough ago; tell whether it was.

        Raises:
            KestraError: the storage or the log does not answer.
        """
        last = self._storage.attributes(ENGINE, _MARK)
        if last is not None and last.modified_at > self._now() - self._interval:
            return False
        try:
            swept = self._sweep.run(moment_of(self._storage) - self._age)
        except BaseException:
            with suppress(KestraError):
                self._storage.delete(ENGINE, _MARK)
            raise
        logger.info(
            "The storage was swept: %d big values, %d big records (%d bytes) and %d leftovers of puts went",
            swept.outputs,
            swept.messages,
            swept.size,
            swept.unfinished,
        )
        return True


def moment_of(storage: Storage) -> datetime:
    """Return the present moment by the clock of a storage, which all dates of its files go by; it is marked as that of the last sweep.

    Raises:
        KestraError: the storage does not answer.
    """
    storage.put(ENGINE, _MARK, b"")
    mark = storage.attributes(ENGINE, _MARK)
    if mark is None:
        raise Unavailable(f"the storage has not kept {_MARK}")
    return mark.modified_at
