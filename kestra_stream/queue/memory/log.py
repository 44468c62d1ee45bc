"""The log in memory, with the meaning that Kafka gives it: partitions, groups, rebalances, transactions, fencing.

Values travel by reference: they are frozen; or as bytes, as on Kafka, where a test wants that. One lock guards all that is written;
whoever waits is woken by what it waits for only.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from kestra_stream.queue.interface import Outgoing, RebalanceListener, Start
from kestra_stream.queue.memory.consumer import MemoryConsumer
from kestra_stream.queue.memory.ledger import Ledger
from kestra_stream.queue.memory.reader import MemoryReader
from kestra_stream.queue.memory.work_queue import MemoryWorkQueue
from kestra_stream.topics import Topic


class MemoryLog:
    """Fulfils the port `Log`.

    What is kept: a DELETE topic keeps what some group has not committed yet; a LONG topic keeps its newest records, and more only for a
    group or reader that is behind; a compacted topic keeps the newest record of each key.

    Args:
        now: the clock's present moment.
        long_retention: records that each partition of a LONG topic keeps, and of a topic that no group reads.
        lease_seconds: how long a job may be leased before it comes back by itself.
        partitions: numbers of partitions by topic name, where they are not the topic's own.
        incremental: a rebalance takes only the partitions that move (Kafka's cooperative protocol); otherwise it takes all, and those
            that stay come again (the eager one).
        as_bytes: values and state are written as JSON and read again, so that whoever gets them sees what Kafka would give.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        long_retention: int = 2_000,
        lease_seconds: float = 30.0,
        *,
        partitions: Mapping[str, int] | None = None,
        incremental: bool = False,
        as_bytes: bool = False,
    ) -> None:
        self._ledger = Ledger(now, partitions or {}, long_retention, lease_seconds, incremental=incremental, as_bytes=as_bytes)

    def send(self, records: Sequence[Outgoing]) -> None:
        """Append outside of any group."""
        self._ledger.append(records)

    def consumer(
        self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None, state: Topic | None = None
    ) -> MemoryConsumer:
        """Join a group, or read whole topics with `group=""`. State is logged nowhere; `state` knows the types of what is kept as bytes."""
        return MemoryConsumer(self._ledger, group, topics, listener, state)

    def reader(self, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> MemoryReader:
        """Read topics without a group."""
        return MemoryReader(self._ledger, topics, start, key)

    def work_queue(self, group: str | None = None) -> MemoryWorkQueue:
        """Return one taker's view of the jobs of a worker group."""
        return MemoryWorkQueue(self._ledger.backlog(group))

    def close(self) -> None:
        """Stop; every blocked poll and take returns."""
        self._ledger.close()

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._ledger.is_closed

    def kept(self, topic: Topic) -> int:
        """How many records of a topic are held in memory."""
        return self._ledger.kept(topic)
