"""Ledger: all partitions and groups of a memory log behind one lock; here an append or a transaction happens as a whole."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from threading import Condition, RLock
from typing import Any, NamedTuple

from kestra_stream.errors import Fenced, Invalid, Unavailable
from kestra_stream.queue.interface import Headers, Outgoing, Raw, Start, StateChange, Transaction, Unreadable
from kestra_stream.queue.memory.group import Group, Member, change_state, partition_number
from kestra_stream.queue.memory.partition import Cursor, Partition
from kestra_stream.queue.memory.work_queue import WorkBacklog
from kestra_stream.queue.serde import decode, encode, part_from_bytes, to_bytes
from kestra_stream.topics import WORKER_JOB, Topic


class Placed(NamedTuple):
    """A record with the place where it will be written."""

    partition: Partition
    key: str
    value: Any
    payload: bytes | None = None
    headers: Headers = ()


class Ledger:
    """What is written. Every method takes the lock itself.

    Args:
        now: the clock's present moment.
        partitions: numbers of partitions by topic name, where they are not the topic's own.
        most: records a partition keeps where no group decides.
        lease: seconds that a job may be leased.
        incremental: whether rebalances take only what moves.
        as_bytes: whether values are written as bytes, and read again.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        partitions: Mapping[str, int],
        most: int,
        lease: float,
        *,
        incremental: bool,
        as_bytes: bool = False,
    ) -> None:
        self.lock = RLock()
        self.is_closed = False
        self._now = now
        self._counts = partitions
        self._most = most
        self._lease = lease
        self._incremental = incremental
        self._as_bytes = as_bytes
        self._partitions: dict[str, list[Partition]] = {}
        self._groups: dict[str, Group] = {}
        self._members: set[Member] = set()
        self._backlogs: dict[str | None, WorkBacklog] = {}

    def append(self, records: Sequence[Outgoing]) -> None:
        """Write records outside of any group."""
        with self.lock:
            self._refuse_when_closed()
            self._write(*self._places(records))

    def commit(self, member: Member, group: Group | None, transaction: Transaction, state: Topic | None = None) -> None:
        """Write offsets, records and state as one.

        In order, so that what fails leaves nothing behind:
            1. refuse a member that is not (any more) what it believes to be
            2. find the place of everything
            3. write
        """
        with self.lock:
            if member.is_closed or member.taken:
                name = group.name if group is not None else ""
                raise Fenced(f"a member of `{name}` was about to commit partitions that it does not own any more")
            self._refuse_when_closed()
            placed, jobs = self._places(transaction.records)
            changes = [_as_read(change, state) for change in transaction.state] if self._as_bytes and state else transaction.state
            homes = group.homes(changes) if group is not None and changes else ()
            for home, change in homes:
                change_state(home, change)
            member.commit()
            self._write(placed, jobs)

    def join(self, name: str, topics: Sequence[Topic]) -> tuple[Member, Group | None]:
        """Take a new member into a group; one without a group reads everything, from the oldest record on."""
        with self.lock:
            partitions = [partition for topic in topics for partition in self._open(topic)]
            member = Member(Condition(self.lock))
            self._members.add(member)
            if not name:
                member.own([Cursor(partition, pins=False) for partition in partitions])
                return member, None
            group = self._groups.get(name)
            if group is None:
                group = self._groups[name] = Group(name, topics, partitions, incremental=self._incremental)
            elif group.topics != frozenset(topic.name for topic in topics):
                raise ValueError(f"the members of `{name}` read {sorted(group.topics)}; all must read the same")
            group.join(member)
            return member, group

    def open(self, topics: Sequence[Topic], start: Start | datetime, key: str | None) -> Member:
        """Return a reader of partitions: of all, or of those where a key lives. What it has not read yet is kept for it."""
        with self.lock:
            member = Member(Condition(self.lock))
            self._members.add(member)
            for topic in topics:
                partitions = self._open(topic)
                if key is not None:
                    partitions = [partitions[partition_number(key, len(partitions))]]
                member.own([Cursor(partition, pins=True, start=_first(partition, start)) for partition in partitions])
            return member

    def leave(self, member: Member, group: Group | None) -> None:
        """Let a member go; an ephemeral group without members is forgotten."""
        with self.lock:
            if member.is_closed:
                return
            member.is_closed = True
            self._members.discard(member)
            if group is None:
                for cursor in member.cursors:
                    cursor.close()
            else:
                group.leave(member)
                if group.is_empty and group.is_ephemeral:
                    group.forget()
                    del self._groups[group.name]
            member.wake()

    def backlog(self, group: str | None) -> WorkBacklog:
        """Return the jobs of a worker group."""
        with self.lock:
            if group not in self._backlogs:
                self._backlogs[group] = WorkBacklog(self._now, self._lease)
            return self._backlogs[group]

    def close(self) -> None:
        """Let every blocked call return."""
        with self.lock:
            self.is_closed = True
            for member in self._members:
                member.wake()
            for backlog in self._backlogs.values():
                backlog.close()

    def kept(self, topic: Topic) -> int:
        """How many records of a topic are held in memory."""
        with self.lock:
            return sum(map(len, self._open(topic)))

    def _refuse_when_closed(self) -> None:
        if self.is_closed:
            raise Unavailable("the log is closed")

    def _open(self, topic: Topic) -> list[Partition]:
        found = self._partitions.get(topic.name)
        if found is None:
            count = self._counts.get(topic.name, topic.partitions)
            found = self._partitions[topic.name] = [Partition(topic, number, self._most) for number in range(count)]
        return found

    def _places(self, records: Sequence[Outgoing]) -> tuple[list[Placed], dict[WorkBacklog, list[Any]]]:
        """Find the partition of every record; jobs go to the backlog of their group (and to the topic when somebody reads it)."""
        placed: list[Placed] = []
        jobs: dict[WorkBacklog, list[Any]] = defaultdict(list)
        for record in records:
            topic, value = record.topic, record.value
            if value is None or type(value) is Raw or self._as_bytes:
                placed.append(self._placed_as_bytes(record))
                value = placed[-1].value
            elif topic is not WORKER_JOB or topic.name in self._partitions:
                partitions = self._partitions.get(topic.name) or self._open(topic)
                placed.append(Placed(partitions[partition_number(record.key, len(partitions))], record.key, value))
            if topic is WORKER_JOB and not isinstance(value, Unreadable):
                jobs[self.backlog(value.worker_group)].append(value)
        return placed, jobs

    def _placed_as_bytes(self, record: Outgoing) -> Placed:
        """Find the partition of a record that is bytes, and read it as a log on disk would."""
        raw = encode(record.key, record.value)
        key, value = decode(record.topic, raw.payload, raw.key, raw.headers)
        partitions = self._open(record.topic)
        number = partition_number(key, len(partitions)) if raw.partition is None else raw.partition
        if number >= len(partitions):
            raise Invalid(f"{record.topic.name} has {len(partitions)} partitions; there is none of the number {number}")
        return Placed(partitions[number], key, value, raw.payload, raw.headers)

    def _write(self, placed: Sequence[Placed], jobs: dict[WorkBacklog, list[Any]]) -> None:
        now = self._now()
        touched: dict[Partition, None] = {}
        for partition, key, value, payload, headers in placed:
            record = partition.append(key, value, now, payload, headers)
            touched[partition] = None
            if isinstance(value, Unreadable) and partition.topic is WORKER_JOB:
                jobs[self.backlog(None)].append(record)
        for partition in touched:
            partition.announce()
        for backlog, offered in jobs.items():
            backlog.offer(offered)


def _as_read(change: StateChange, topic: Topic) -> StateChange:
    """Return a change as whoever restores the state would see it."""
    if change.value is None:
        return change
    return change._replace(value=part_from_bytes(topic, change.part, to_bytes(change.value)))


def _first(partition: Partition, start: Start | datetime) -> int:
    if isinstance(start, datetime):
        return partition.since(start)
    return partition.end if start is Start.NEWEST else partition.first
