"""Consumer groups in memory: who reads what, how far all have come, and the state that lives beside the partitions."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Condition
from typing import Any
from zlib import crc32

from kestra_stream.queue.interface import ALL_PARTS, EPHEMERAL, Record, State, StateChange
from kestra_stream.queue.memory.partition import Cursor, Partition
from kestra_stream.topics import Cleanup, Topic

Parts = dict[str, Any]


def partition_number(key: str, count: int) -> int:
    """Return where a key lives; the same for every topic with as many partitions, on every machine."""
    return crc32(key.encode()) % count if count > 1 else 0


class Member:
    """What the log knows of one consumer. Guarded by the log's lock, but for `is_idle`.

    Attributes:
        cursors: the partitions it owns.
        taken: partitions that went since its last poll; while there are any, its commits are void.
        must_rejoin: partitions came or went since its last poll.
        is_woken: somebody wants the next poll to return without a wait.
        on_wake: called when there is something to do, whoever else waits.
    """

    def __init__(self, changed: Condition) -> None:
        self.cursors: set[Cursor] = set()
        self.taken: set[Cursor] = set()
        self.must_rejoin = False
        self.is_woken = False
        self.is_closed = False
        self.on_wake: Callable[[], None] | None = None
        self._changed = changed
        self._is_waiting = False
        self._ready: deque[Cursor] = deque()
        self._batch: set[Cursor] = set()

    @property
    def is_idle(self) -> bool:
        """Whether a poll would find nothing."""
        return not self._ready and not self.must_rejoin

    def make_ready(self, cursor: Cursor) -> None:
        """Hear that a partition has something to read."""
        self._ready.append(cursor)
        self.wake()

    def wake(self) -> None:
        """End a wait."""
        if self._is_waiting:
            self._changed.notify_all()
        if self.on_wake is not None:
            self.on_wake()

    def wait(self, seconds: float) -> None:
        """Wait for `wake`."""
        self._is_waiting = True
        try:
            self._changed.wait(seconds)
        finally:
            self._is_waiting = False

    def read(self, most: int) -> Sequence[Record]:
        """Read from the ready partitions in turn, so that none starves."""
        found: list[Record] = []
        ready = self._ready
        while ready and len(found) < most:
            cursor = ready.popleft()
            records = cursor.read(most - len(found))
            cursor.is_ready = cursor.position < cursor.partition.end
            if cursor.is_ready:
                ready.append(cursor)
            self._batch.add(cursor)
            found.extend(records)
        return found

    def commit(self) -> None:
        """What was read is done."""
        for cursor in self._batch:
            cursor.committed = cursor.position
            cursor.partition.clean_behind(cursor.committed)
        self._batch.clear()

    def rewind(self) -> None:
        """What was read will be read again."""
        for cursor in self._batch:
            cursor.rewind()
        self._batch.clear()

    def lose(self, cursors: Iterable[Cursor]) -> None:
        """Lose partitions; what was read of them is void."""
        for cursor in cursors:
            cursor.take_away()
            self.cursors.discard(cursor)
            self._batch.discard(cursor)
            self.taken.add(cursor)
        self._ready = deque(cursor for cursor in self._ready if cursor.reader is self)

    def own(self, cursors: Iterable[Cursor]) -> None:
        """Own partitions from now on."""
        for cursor in cursors:
            self.cursors.add(cursor)
            cursor.hand_to(self)


class Group:
    """The members of a group share out the numbers of its partitions, so that a key's records of all its topics meet.

    Args:
        incremental: a rebalance takes only what another member gets; otherwise all is taken, and what stays comes again.
    """

    def __init__(self, name: str, topics: Sequence[Topic], partitions: Sequence[Partition], *, incremental: bool) -> None:
        self.name = name
        self.topics = frozenset(topic.name for topic in topics)
        self._incremental = incremental
        self._cursors: dict[int, list[Cursor]] = defaultdict(list)
        self._members: list[Member] = []
        self._owners: dict[int, Member] = {}
        self._count = 1 + max(partition.where.partition for partition in partitions)
        self._state: dict[int, dict[str, Parts]] = defaultdict(dict)
        for partition in partitions:
            pins = not (self.is_ephemeral and partition.topic.cleanup is Cleanup.LONG)
            self._cursors[partition.where.partition].append(Cursor(partition, pins=pins, decides=pins))

    @property
    def is_ephemeral(self) -> bool:
        """Whether it is forgotten when its last member leaves."""
        return self.name.startswith(EPHEMERAL)

    @property
    def is_empty(self) -> bool:
        """Whether nobody is in it."""
        return not self._members

    def join(self, member: Member) -> None:
        """Take a member in."""
        self._members.append(member)
        self._share_out()

    def leave(self, member: Member) -> None:
        """Let a member go; what it read and did not commit is read by others."""
        self._members.remove(member)
        member.lose(tuple(member.cursors))
        self._share_out()

    def forget(self) -> None:
        """Stop to count for what the partitions keep."""
        for cursors in self._cursors.values():
            for cursor in cursors:
                cursor.close()

    def hand_over(self, member: Member) -> tuple[list[Cursor], State]:
        """Give a member what is planned for it and not yet its own; return that, with the state beside it."""
        numbers = [number for number, owner in self._owners.items() if owner is member]
        came = [cursor for number in numbers for cursor in self._cursors[number] if cursor not in member.cursors]
        fresh = {cursor.partition.where.partition for cursor in came}
        member.own(came)
        return came, {number: {owner: dict(parts) for owner, parts in self._state[number].items()} for number in fresh}

    def homes(self, changes: Sequence[StateChange]) -> list[tuple[dict[str, Parts], StateChange]]:
        """Find where each change belongs."""
        return [(self._state[partition_number(change.owner, self._count)], change) for change in changes]

    def _share_out(self) -> None:
        """Share the numbers out evenly; everyone keeps what it has as far as that is fair."""
        owners = _fair_shares(range(self._count), self._members, self._owners)
        for member in self._members:
            stays: set[int] = {number for number, owner in owners.items() if owner is member} if self._incremental else set()
            member.lose([cursor for cursor in member.cursors if cursor.partition.where.partition not in stays])
        self._owners = owners
        for member in self._members:
            member.must_rejoin = True
            member.wake()


def change_state(home: dict[str, Parts], change: StateChange) -> None:
    """Apply one change to the state of one partition."""
    if change.value is not None:
        home.setdefault(change.owner, {})[change.part] = change.value
    elif change.part == ALL_PARTS:
        home.pop(change.owner, None)
    elif change.owner in home:
        parts = home[change.owner]
        parts.pop(change.part, None)
        if not parts:
            del home[change.owner]


def _fair_shares(numbers: Sequence[int], members: Sequence[Member], before: Mapping[int, Member]) -> dict[int, Member]:
    if not members:
        return {}
    held: dict[Member, list[int]] = {member: [] for member in members}
    for number, owner in before.items():
        if owner in held:
            held[owner].append(number)
    least, rest = divmod(len(numbers), len(members))
    ranked = sorted(members, key=lambda member: -len(held[member]))
    shares = {member: least + (rank < rest) for rank, member in enumerate(ranked)}
    owners = {number: member for member, share in shares.items() for number in held[member][:share]}
    free = iter([number for number in numbers if number not in owners])
    for member, share in shares.items():
        for _ in range(share - len(held[member])):
            owners[next(free)] = member
    return owners
