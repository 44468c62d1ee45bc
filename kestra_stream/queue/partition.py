"""One partition in memory: records in order, trimmed from the front or compacted by key, offsets never reused."""

from bisect import bisect_left
from datetime import datetime
from operator import attrgetter
from typing import Any

from kestra_stream.queue.interface import Record

_offset = attrgetter("offset")


class Partition:
    """An append-only list of records."""

    def __init__(self, topic: str, number: int) -> None:
        self.topic = topic
        self.number = number
        self.end = 0
        self._records: list[Record] = []
        self._last_key_count = 0

    def append(self, key: str, value: Any, timestamp: datetime) -> None:
        """Add a record; its timestamp is never before that of the one in front of it."""
        if self._records and self._records[-1].timestamp > timestamp:
            timestamp = self._records[-1].timestamp
        self._records.append(Record(self.topic, self.number, self.end, key, value, timestamp))
        self.end += 1

    def read(self, offset: int, most: int) -> list[Record]:
        """Return up to `most` records from an offset on."""
        if offset >= self.end:
            return []
        records = self._records
        start = offset - records[0].offset if records else 0
        if start < 0 or start >= len(records) or records[start].offset != offset:
            start = bisect_left(records, offset, key=_offset)
        return records[start : start + most]

    def trim(self, before: int) -> None:
        """Drop records in front of an offset, a big piece at a time so that each record is moved O(1) times."""
        records = self._records
        if records and before - records[0].offset > max(1000, len(records) // 2):
            del records[: bisect_left(records, before, key=_offset)]

    def keep_newest(self, most: int) -> None:
        """Drop the oldest records once there are twice as many as wanted."""
        if len(self._records) > 2 * most:
            del self._records[: len(self._records) - most]

    def compact(self) -> None:
        """Keep the newest record of each key (and no tombstones), once the list has doubled since the last time."""
        if len(self._records) < 2 * self._last_key_count + 1000:
            return
        newest = {record.key: record for record in self._records}
        self._records = sorted((record for record in newest.values() if record.value is not None), key=_offset)
        self._last_key_count = len(self._records)

    def __len__(self) -> int:
        """How many records are kept."""
        return len(self._records)
