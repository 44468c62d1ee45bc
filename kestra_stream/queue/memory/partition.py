"""One partition in memory, and the cursors that read it: records in order, offsets never used twice, cleaned as the topic says."""

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Protocol, assert_never

from kestra_stream.queue.interface import Headers, Record, TopicPartition
from kestra_stream.topics import Cleanup, Topic

_SLACK = 64
_offset = attrgetter("offset")
_timestamp = attrgetter("timestamp")


class Reader(Protocol):
    """Who reads through a cursor."""

    def make_ready(self, cursor: "Cursor") -> None:
        """Hear that there is something to read."""
        ...


class Cursor:
    """How far one group, or one reader without a group, has come in one partition.

    Attributes:
        committed: the first offset that is not done; survives whoever reads.
        position: the next offset to read; between the two lies what was read and is not committed.
        reader: who owns the partition now; None between two owners.
        pins: records from `committed` on must be kept for it.
        decides: what it has committed need not be kept, as far as it is concerned (it is a group's, and pins).
    """

    __slots__ = ("committed", "decides", "is_ready", "partition", "pins", "position", "reader")

    def __init__(self, partition: "Partition", *, pins: bool, decides: bool = False, start: int | None = None) -> None:
        self.partition = partition
        self.committed = self.position = partition.first if start is None else start
        self.decides = decides
        self.reader: Reader | None = None
        self.is_ready = False
        self.pins = pins
        partition.cursors.append(self)

    def hand_to(self, reader: Reader) -> None:
        """Give the partition to a reader, from the committed offset on."""
        self.reader = reader
        self.rewind()

    def take_away(self) -> None:
        """Leave the partition without an owner; what was read and not committed is void."""
        self.reader, self.position, self.is_ready = None, self.committed, False

    def rewind(self) -> None:
        """Read again from the committed offset on."""
        self.position = self.committed
        self.announce()

    def announce(self) -> None:
        """Tell the reader, once, that there is something to read."""
        if self.reader is not None and not self.is_ready and self.position < self.partition.end:
            self.is_ready = True
            self.reader.make_ready(self)

    def read(self, most: int) -> Sequence[Record]:
        """Return the next records and go on behind them."""
        records = self.partition.read(self.position, most)
        self.position = records[-1].offset + 1 if len(records) == most else self.partition.end
        return records

    def close(self) -> None:
        """Be forgotten by the partition."""
        self.take_away()
        self.partition.cursors.remove(self)


class Partition:
    """An append-only list of records. Cleaning costs O(1) for each record, because a list is touched only when much of it can go.

    Args:
        most: records that are kept where no group decides (a LONG topic, or one that nobody reads).
    """

    def __init__(self, topic: Topic, number: int, most: int) -> None:
        self.topic = topic
        self.where = TopicPartition(topic.name, number)
        self.end = 0
        self.cursors: list[Cursor] = []
        self._most = most
        self._records: list[Record] = []
        self._next_cleaning = _SLACK

    @property
    def first(self) -> int:
        """The oldest offset that is kept; `end` when there is none."""
        return self._records[0].offset if self._records else self.end

    def append(self, key: str, value: object, timestamp: datetime, payload: bytes | None = None, headers: Headers = ()) -> Record:
        """Add a record; its timestamp is never before that of the one in front of it."""
        records = self._records
        if records and records[-1].timestamp > timestamp:
            timestamp = records[-1].timestamp
        records.append(Record(self.where.topic, self.where.partition, self.end, key, value, timestamp, payload, headers))
        self.end += 1
        return records[-1]

    def read(self, offset: int, most: int) -> list[Record]:
        """Return up to `most` records from an offset on."""
        records = self._records
        start = offset - records[0].offset if records else 0
        if start < 0 or start >= len(records) or records[start].offset != offset:
            start = bisect_left(records, offset, key=_offset)
        return records[start : start + most]

    def since(self, moment: datetime) -> int:
        """Return the offset of the first record that was taken at a moment or later; `end` when there is none."""
        place = bisect_left(self._records, moment, key=_timestamp)
        return self._records[place].offset if place < len(self._records) else self.end

    def announce(self) -> None:
        """Tell all readers of new records, and clean when it is time."""
        for cursor in self.cursors:
            cursor.announce()
        if len(self._records) > self._next_cleaning:
            self.clean()

    def clean_behind(self, committed: int) -> None:
        """Clean when a group has come so far that it is worth while."""
        records = self._records
        if records and committed - records[0].offset > _SLACK + len(records) // 2:
            self.clean()

    def clean(self) -> None:
        """Drop what the topic's rule does not keep."""
        match self.topic.cleanup:
            case Cleanup.COMPACT | Cleanup.FOREVER:
                self._compact()
            case Cleanup.DELETE | Cleanup.TAKEN | Cleanup.LONG:
                self._trim()
            case _:
                assert_never(self.topic.cleanup)
        kept = len(self._records)
        self._next_cleaning = _SLACK + (self._most * 5 // 4 if self._keeps_newest and kept <= self._most else 2 * kept)

    @property
    def _keeps_newest(self) -> bool:
        if self.topic.cleanup in {Cleanup.DELETE, Cleanup.TAKEN}:
            return not any(cursor.decides for cursor in self.cursors)
        return self.topic.cleanup is Cleanup.LONG

    def _trim(self) -> None:
        """Drop records that every group is done with; of a LONG topic only those that are old, too."""
        before = min((cursor.committed for cursor in self.cursors if cursor.pins), default=self.end)
        if self._keeps_newest:
            before = min(before, self.end - self._most)
        del self._records[: bisect_left(self._records, before, key=_offset)]

    def _compact(self) -> None:
        """Keep the newest record of each key; a tombstone stays until everyone who may have seen the key has read it."""
        seen = min((cursor.committed if cursor.pins else cursor.position for cursor in self.cursors), default=self.end)
        newest = {record.key: record for record in self._records}
        kept = [record for record in newest.values() if record.value is not None or record.offset >= seen]
        self._records = sorted(kept, key=_offset)

    def __len__(self) -> int:
        """How many records are kept."""
        return len(self._records)
