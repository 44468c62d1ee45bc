"""Ports: the partitioned log and the work queue.

Meaning is Kafka's: a topic has partitions, a key always lands in the same one, records of a partition keep their order, the
partitions of a topic are shared out among the members of a group, and a commit is one transaction over
{offsets consumed, records sent, state changed}.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from kestra_stream.topics import Topic


@dataclass(frozen=True, slots=True)
class TopicPartition:
    """One partition of one topic."""

    topic: str
    partition: int


Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it was read. `value` is None for a tombstone; `timestamp` is when the log took it.

    Attributes:
        payload, headers: as they lie in the log, for a dead letter byte for byte; a log that passes values by reference has neither.
        claim: where in the storage the payload lies, when it is too big for a message.
    """

    topic: str
    partition: int
    offset: int
    key: str
    value: Any
    timestamp: datetime
    payload: bytes | None = None
    headers: Headers = ()
    claim: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for the value of a record that cannot be read, with all that puts it back byte for byte.

    The loop takes such a record to the dead letters; every other reader passes it over.
    """

    payload: bytes | None
    error: str
    key: bytes | None = None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Raw:
    """Stands for the value of a record that is sent byte for byte: its key is this one, whatever `Outgoing.key` says.

    Attributes:
        partition: where it goes; None: where its key belongs.
    """

    payload: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    partition: int | None = None


class Outgoing(NamedTuple):
    """One record to send; a value of None is a tombstone, one of `Raw` is sent byte for byte."""

    topic: Topic
    key: str
    value: Any


ALL_PARTS = "*"
EPHEMERAL = "~"


class StateChange(NamedTuple):
    """One change of keyed state that lives beside an input partition; a value of None deletes the key.

    Attributes:
        owner: key of the input record (execution id, scope): decides the partition.
        part: which part of the owner's state (`""` the head, else for instance a task run's id); ALL_PARTS with a value of
            None drops the owner.
    """

    owner: str
    part: str
    value: Any


class KeptState(Mapping[str, Mapping[str, Any]], ABC):
    """State that is not in memory: it follows what is committed, and each look reads it anew. Valid until its partition goes."""

    @abstractmethod
    def of_kind(self, kind: str) -> Iterator[tuple[str, str, Any]]:
        """Go through all parts of a kind (the text before the first `/` of their names): owner, part, value."""


State = Mapping[int, Mapping[str, Mapping[str, Any]]]
"""What lives beside partitions: number of the partition -> owner -> part -> value; a `KeptState` where it is not in memory."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """All that one processed batch changes, atomically together with the offsets of the batch."""

    records: Sequence[Outgoing] = ()
    state: Sequence[StateChange] = ()


class RebalanceListener(Protocol):
    """Told about changes of a consumer's partitions, in the consumer's own thread, inside `poll`: first what went, then what came.

    In an eager rebalance everything goes, and what stays with the member comes again with its state; in an incremental one only
    what moves goes and comes.
    """

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Partitions came, with what lives beside them."""
        ...

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions went (or this member was fenced); whatever was built from them is void, uncommitted polls included."""
        ...


class Consumer(Protocol):
    """One member of a consumer group. Not thread-safe, but for `wake`."""

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records`; wait at most `timeout` seconds for the first. Uncommitted ones are not returned twice.

        Returns nothing, at once, when the log is closed.
        """
        ...

    def commit(self, transaction: Transaction) -> None:
        """Commit the offsets of all that `poll` returned, with the records and state changes, as one.

        State belongs to a group; a reader without a group (`""`) has none. Before partitions have come (see `RebalanceListener`)
        there is nothing to commit.

        Raises:
            Fenced: partitions of this member went since its last poll, or it has left; nothing was written, the batch is void.
            Retryable: nothing was written; the same call may be made again.
        """
        ...

    def rewind(self) -> None:
        """Forget the uncommitted polls: the next poll returns them again (after a failed batch)."""
        ...

    def wake(self) -> None:
        """End the wait of the poll that is under way, or of the next one; from any thread."""
        ...

    def close(self) -> None:
        """Leave the group: the others get the partitions, from the committed offsets on. The listener hears nothing of it."""
        ...


class Start(StrEnum):
    """Where a reader begins: with the oldest record that is kept, or with the first one that is sent after it was opened."""

    OLDEST = "oldest"
    NEWEST = "newest"


class Reader(Protocol):
    """Reads partitions on its own account: it is in no group, commits nothing and disturbs nobody. Not thread-safe, but for `wake`."""

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return up to `max_records` committed records; wait at most `timeout` seconds for the first.

        Returns nothing, at once, when the log is closed.
        """
        ...

    def catch_up(self) -> Iterator[Sequence[Record]]:
        """Yield what was not polled yet, batch by batch, up to the end as it is when this is called: all that was committed until then.

        Raises:
            Unavailable: the log is closed, or does not give what it has.
        """
        ...

    def wake(self) -> None:
        """End the wait of the poll that is under way, or of the next one; from any thread."""
        ...

    def close(self) -> None:
        """Stop reading."""
        ...


class Log(Protocol):
    """The partitioned log."""

    def send(self, records: Sequence[Outgoing]) -> None:
        """Append outside of any group; returns once all are durable."""
        ...

    def consumer(
        self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None, state: Topic | None = None
    ) -> Consumer:
        """Join a group; a new group starts with the oldest records that are kept. All members of a group read the same topics.

        A group whose name starts with EPHEMERAL is forgotten when its last member leaves: so reads whoever wants all records of a
        topic (every worker reads `kill`) and will not come back under the same name.
        Each consumer with `group=""` reads all of its topics from the start and hears of no rebalance; on a compacted topic that is
        a global table.
        The state of a group is logged on the topic `state`, which knows the types of its parts; by default on one of the group's own,
        with plain values.
        """
        ...

    def reader(self, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> Reader:
        """Read topics without a group, from a place that is fixed when this returns.

        Args:
            topics: what is read.
            start: OLDEST, NEWEST (what is sent once this has returned), or a moment: the first record of each partition that the log
                took then or later.
            key: read only the partitions where this key lives, and return its records alone.
        """
        ...

    def close(self) -> None:
        """Stop; every blocked poll returns."""
        ...


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that one worker may run; until it is accepted it comes back by itself after `expires_at`.

    Attributes:
        job: a `Record` whose value is `Unreadable` when the job cannot be read.
    """

    id: str
    job: Any
    expires_at: datetime
    deliveries: int = 1
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


class WorkQueue(Protocol):
    """Hands jobs of a worker group to whoever has a free slot. Thread-safe. Jobs are offered by sending to the group's job topic."""

    @property
    def waiting(self) -> int:
        """How many jobs wait for a taker, as far as this one has heard: those of all takers of a group together are its line."""
        ...

    def take(self, count: int, timeout: float) -> Sequence[Lease]:
        """Lease up to `count` jobs; wait at most `timeout` seconds for the first.

        Raises:
            Retryable: no job that waits can be read now.
        """
        ...

    def accept(self, lease: Lease) -> bool:
        """The job will be run here: it will not be handed out again. False when the lease had expired and went elsewhere."""
        ...

    def release(self, lease: Lease) -> None:
        """Give the job back at once, for another worker."""
        ...

    def close(self) -> None:
        """Give back what is leased and not accepted; every blocked `take` returns."""
        ...
