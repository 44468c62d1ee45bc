"""One reader of a memory log, which belongs to no group."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from kestra_stream.errors import Unavailable
from kestra_stream.queue.interface import Record, Start
from kestra_stream.queue.memory.ledger import Ledger
from kestra_stream.queue.memory.partition import Cursor
from kestra_stream.topics import Topic

_BATCH = 1_000


class MemoryReader:
    """Fulfils the port `Reader`. Not thread-safe, but for `wake` and `close`."""

    def __init__(self, ledger: Ledger, topics: Sequence[Topic], start: Start | datetime, key: str | None) -> None:
        self._ledger = ledger
        self._key = key
        self._member = ledger.open(topics, start, key)

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records`; wait at most `timeout` seconds for the first. Nothing once the log or the reader is closed."""
        member, ledger = self._member, self._ledger
        if timeout <= 0 and member.is_idle:
            return ()
        deadline = time.monotonic() + timeout
        with ledger.lock:
            while not (ledger.is_closed or member.is_closed):
                records = self._read(max_records)
                left = deadline - time.monotonic()
                if records or left <= 0 or member.is_woken:
                    member.is_woken = False
                    return records
                member.wait(left)
        return ()

    def catch_up(self) -> Iterator[Sequence[Record]]:
        """Return an iterator over what is there and was not polled yet, batch by batch."""
        with self._ledger.lock:
            return self._until({cursor: cursor.partition.end for cursor in self._member.cursors})

    def _until(self, ends: Mapping[Cursor, int]) -> Iterator[Sequence[Record]]:
        while True:
            with self._ledger.lock:
                if self._ledger.is_closed or self._member.is_closed:
                    raise Unavailable("the log is closed")
                if all(cursor.position >= end for cursor, end in ends.items()):
                    return
                records = self._read(_BATCH)
            if records:
                yield records

    def wake(self) -> None:
        """End the wait of the poll that is under way, or of the next one."""
        with self._ledger.lock:
            self._member.is_woken = True
            self._member.wake()

    def close(self) -> None:
        """Stop reading."""
        self._ledger.leave(self._member, None)

    def _read(self, most: int) -> Sequence[Record]:
        """Read on until there are records of the key, or none at all; what was read need not be kept any more."""
        member = self._member
        while True:
            records = member.read(most)
            member.commit()
            found = records if self._key is None else [record for record in records if record.key == self._key]
            if found or not records:
                return found
