"""The log in memory, with the meaning that Kafka gives it: partitions, groups, rebalances, transactions, fencing.

Values travel by reference: they are frozen. One lock guards the log; whoever waits for records waits on a condition of its own.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Condition, RLock
from typing import Any
from zlib import crc32

from kestra_stream.errors import Fenced
from kestra_stream.queue.interface import (
    ALL_PARTS,
    EPHEMERAL,
    Outgoing,
    RebalanceListener,
    Record,
    StateChange,
    TopicPartition,
    Transaction,
)
from kestra_stream.queue.memory_work_queue import MemoryWorkQueue, WorkBacklog
from kestra_stream.queue.partition import Partition
from kestra_stream.topics import WORKER_JOB, Cleanup, Topic

Parts = dict[str, Any]


class _Group:
    """Members of a consumer group, what each owns, how far all have come, and the state beside the partitions."""

    def __init__(self, name: str, topics: Sequence[Topic]) -> None:
        self.name = name
        self.topics = topics
        self.members: list[MemoryConsumer] = []
        self.owners: dict[TopicPartition, MemoryConsumer] = {}
        self.committed: dict[TopicPartition, int] = defaultdict(int)
        self.state: dict[int, dict[str, Parts]] = defaultdict(dict)

    def share_out(self, partitions: Sequence[TopicPartition]) -> None:
        """Give every partition number to one member: topics are co-partitioned, so a key's records of all topics meet."""
        self.owners.clear()
        if self.members:
            for partition in partitions:
                self.owners[partition] = self.members[partition.partition % len(self.members)]
        for member in self.members:
            member.note_rebalance()


class MemoryLog:
    """The log.

    Args:
        now: the clock's present moment.
        long_retention: records of a LONG topic (or of a topic that nobody reads) that are kept for each partition.
        lease_seconds: how long a job may be leased before it comes back by itself.
    """

    def __init__(self, now: Callable[[], datetime], long_retention: int = 10_000, lease_seconds: float = 30.0) -> None:
        self._now = now
        self._long_retention = long_retention
        self._lease_seconds = lease_seconds
        self._lock = RLock()
        self._partitions: dict[str, list[Partition]] = {}
        self._topics: dict[str, Topic] = {}
        self._groups: dict[str, _Group] = {}
        self._readers: dict[str, list[MemoryConsumer]] = defaultdict(list)
        self._work: dict[str | None, WorkBacklog] = {}
        self._is_closed = False
        self._appended = 0

    # -- the port ------------------------------------------------------------------------------------------------------

    def send(self, records: Sequence[Outgoing]) -> None:
        """Append outside of any group."""
        with self._lock:
            self._append(records)

    def consumer(self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None) -> "MemoryConsumer":
        """Join a group, or read a whole topic with `group=""`."""
        with self._lock:
            for topic in topics:
                self._partitions_of(topic)
            member = MemoryConsumer(self, group, topics, listener, Condition(self._lock))
            for topic in topics:
                self._readers[topic.name].append(member)
            if group:
                joined = self._groups.get(group)
                if joined is None:
                    joined = self._groups[group] = _Group(group, topics)
                joined.members.append(member)
                joined.share_out(self._all_partitions(topics))
            return member

    def work_queue(self, group: str | None = None) -> MemoryWorkQueue:
        """Return one taker's view of the jobs of a worker group."""
        with self._lock:
            return MemoryWorkQueue(self._backlog(group))

    def close(self) -> None:
        """Stop; every blocked poll and take returns."""
        with self._lock:
            self._is_closed = True
            for readers in self._readers.values():
                for reader in readers:
                    reader.changed.notify_all()
            for backlog in self._work.values():
                backlog.close()

    # -- inside --------------------------------------------------------------------------------------------------------

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._is_closed

    def _partitions_of(self, topic: Topic) -> list[Partition]:
        found = self._partitions.get(topic.name)
        if found is None:
            self._topics[topic.name] = topic
            found = self._partitions[topic.name] = [Partition(topic.name, number) for number in range(topic.partitions)]
        return found

    def _all_partitions(self, topics: Sequence[Topic]) -> list[TopicPartition]:
        return [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]

    def _backlog(self, group: str | None) -> WorkBacklog:
        if group not in self._work:
            self._work[group] = WorkBacklog(self._now, self._lease_seconds)
        return self._work[group]

    def _append(self, records: Sequence[Outgoing]) -> None:
        if not records:
            return
        now = self._now()
        touched: dict[str, None] = {}
        for record in records:
            topic = record.topic
            if topic is WORKER_JOB:
                self._backlog(record.value.worker_group).offer(record.value)
                if not self._readers.get(topic.name):
                    continue
            partitions = self._partitions_of(topic)
            number = crc32(record.key.encode()) % len(partitions) if len(partitions) > 1 else 0
            partitions[number].append(record.key, record.value, now)
            touched[topic.name] = None
        for name in touched:
            for reader in self._readers.get(name, ()):
                reader.wake()
        self._appended += len(records)
        if self._appended > 2000:  # noqa: PLR2004 - often enough to bound memory, seldom enough to cost nothing
            self._appended = 0
            self._retain()

    def _retain(self) -> None:
        """Drop what every group has read, by the rule of each topic."""
        for name, partitions in self._partitions.items():
            cleanup = self._topics[name].cleanup
            groups = [group for group in self._groups.values() if any(topic.name == name for topic in group.topics)]
            for partition in partitions:
                if cleanup in {Cleanup.COMPACT, Cleanup.FOREVER}:
                    partition.compact()
                elif cleanup is Cleanup.LONG or not groups:
                    partition.keep_newest(self._long_retention)
                else:
                    where = TopicPartition(name, partition.number)
                    partition.trim(min(group.committed[where] for group in groups))

    def commit(self, member: "MemoryConsumer", offsets: dict[TopicPartition, int], transaction: Transaction) -> None:
        """Write offsets, records and state as one; nothing when the member does not own what it read (any more)."""
        with self._lock:
            group = self._groups.get(member.group)
            if group is None or any(group.owners.get(where) is not member or not member.owns(where) for where in offsets):
                raise Fenced(f"a member of `{member.group}` was about to commit partitions that it does not own any more")
            self._append(transaction.records)
            for change in transaction.state:
                self._store(group, change)
            group.committed.update(offsets)

    def _store(self, group: _Group, change: StateChange) -> None:
        partitions = self._partitions_of(group.topics[0])
        owners = group.state[crc32(change.owner.encode()) % len(partitions) if len(partitions) > 1 else 0]
        if change.part == ALL_PARTS and change.value is None:
            owners.pop(change.owner, None)
        elif change.value is not None:
            owners.setdefault(change.owner, {})[change.part] = change.value
        elif change.owner in owners:
            owners[change.owner].pop(change.part, None)

    def leave(self, member: "MemoryConsumer") -> None:
        """Take a member out of its group; an ephemeral group without members is forgotten."""
        with self._lock:
            for topic in member.topics:
                if member in self._readers[topic.name]:
                    self._readers[topic.name].remove(member)
            group = self._groups.get(member.group)
            if group is not None and member in group.members:
                group.members.remove(member)
                group.share_out(self._all_partitions(group.topics))
                if not group.members and group.name.startswith(EPHEMERAL):
                    del self._groups[group.name]

    def partitions(self, topics: Sequence[Topic]) -> list[Partition]:
        """All partitions of some topics."""
        return [partition for topic in topics for partition in self._partitions_of(topic)]

    def group(self, name: str) -> _Group | None:
        """The group of a name."""
        return self._groups.get(name)


class MemoryConsumer:
    """One member of a group, or the reader of a whole topic. Not thread-safe, but for `wake`."""

    def __init__(self, log: MemoryLog, group: str, topics: Sequence[Topic], listener: RebalanceListener | None, changed: Condition) -> None:
        self.group = group
        self.topics = topics
        self.changed = changed
        self.on_wake: Callable[[], None] | None = None
        self._log = log
        self._listener = listener
        self._positions: dict[TopicPartition, int] = {}
        self._owned: list[tuple[TopicPartition, Partition]] = []
        self._batch: dict[TopicPartition, int] = {}
        self._must_rejoin = True
        self._is_waiting = False
        self._turn = 0

    # -- the port ------------------------------------------------------------------------------------------------------

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records`; wait at most `timeout` seconds for the first."""
        with self.changed:
            if self._must_rejoin:
                self._rejoin()
            records = self._read(max_records)
            if not records and timeout > 0 and not self._log.is_closed:
                self._is_waiting = True
                self.changed.wait(timeout)
                self._is_waiting = False
                if self._must_rejoin:
                    self._rejoin()
                records = self._read(max_records)
            return records

    def commit(self, transaction: Transaction) -> None:
        """Commit all that `poll` returned, with records and state."""
        self._log.commit(self, self._batch, transaction)
        self._batch = {}

    def rewind(self) -> None:
        """Forget the uncommitted polls."""
        with self.changed:
            group = self._log.group(self.group)
            for where in self._batch:
                self._positions[where] = group.committed[where] if group is not None else 0
            self._batch = {}

    def close(self) -> None:
        """Leave the group."""
        self._log.leave(self)
        with self.changed:
            self._owned, self._batch = [], {}
            self.changed.notify_all()

    # -- inside --------------------------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Tell that something was appended."""
        if self._is_waiting:
            self.changed.notify()
        if self.on_wake is not None:
            self.on_wake()

    def note_rebalance(self) -> None:
        """Tell that the group's partitions were shared out anew; until the next poll this member owns nothing."""
        self._must_rejoin = True
        self.wake()

    def owns(self, where: TopicPartition) -> bool:
        """Whether this member has taken note of the newest assignment, and the partition is its own."""
        return not self._must_rejoin and where in self._positions

    @property
    def lag(self) -> int:
        """How many records wait to be read."""
        with self.changed:
            return sum(partition.end - self._positions[where] for where, partition in self._owned)

    def _rejoin(self) -> None:
        before = frozenset(where for where, _ in self._owned)
        if before and self._listener is not None:
            self._listener.revoked(before)
        group = self._log.group(self.group) if self.group else None
        self._batch = {}
        self._owned = [
            (where, partition)
            for partition in self._log.partitions(self.topics)
            for where in (TopicPartition(partition.topic, partition.number),)
            if group is None or group.owners.get(where) is self
        ]
        self._positions = {where: group.committed[where] if group is not None else 0 for where, _ in self._owned}
        self._must_rejoin = False
        if self._listener is not None and group is not None:
            numbers = {where.partition for where, _ in self._owned}
            state = {owner: parts for number in numbers for owner, parts in group.state[number].items()}
            self._listener.assigned(frozenset(self._positions), {owner: dict(parts) for owner, parts in state.items()})

    def _read(self, most: int) -> list[Record]:
        """Read from the owned partitions in turn, so that none starves."""
        found: list[Record] = []
        count = len(self._owned)
        for step in range(count):
            where, partition = self._owned[(self._turn + step) % count]
            position = self._positions[where]
            if position >= partition.end:
                continue
            records = partition.read(position, most - len(found))
            following = records[-1].offset + 1 if records else partition.end
            self._positions[where] = following
            if self.group:
                self._batch[where] = following
            found = [*found, *records] if found else records
            if len(found) >= most:
                self._turn = (self._turn + step) % count
                break
        return found
