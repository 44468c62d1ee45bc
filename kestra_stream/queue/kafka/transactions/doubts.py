"""What one member has written and is not certain of yet: partitions and offsets in, all of it whole or gone out.

What the offsets on the broker tell, and what is done where readers wait still (`leftovers`):
    they bear the mark of the last acknowledged transaction   it is there: what is open of it is committed
    they do not, nobody has taken them, nothing was tried     it is there in part: all of it is committed, once its places are back
    they do not, and what was tried since has ended it        it is not there: what is open is aborted, and Lost says so
    what was tried since, without an answer                   by the mark: committed or aborted
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kestra_stream.errors import Fenced
from kestra_stream.queue.kafka.cluster import Cluster, Place
from kestra_stream.queue.kafka.transactions.leftovers import abort_leftovers, commit_leftovers
from kestra_stream.queue.kafka.transactions.marks import mark

logger = logging.getLogger("kestra_stream.kafka.client")

_MOMENT = 0.5
_IDLE = 2.0
_OFFSETS = 5.0
_LEADERS = 1.0


class Lost(Fenced):
    """The broker has acknowledged a transaction, and does not have it: nothing that this member knows holds."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is written beside offsets.

    Attributes:
        number: of this member's last transaction among them, 0 for none; None where others have written all.
        is_ours: whether this member has written all.
    """

    number: int | None
    is_ours: bool


class Offsets(Protocol):
    """Knows the offsets of a group."""

    def told(self, places: Iterable[Place], seconds: float, *, asks_anew: bool = False) -> Told:
        """Return what is written beside the offsets of these places."""
        ...


@dataclass(frozen=True, slots=True)
class Standing:
    """What a member holds, and by which metadata the group knows it."""

    places: AbstractSet[Place] = frozenset()
    member: Any = None


class Doubts:
    """What a member has written since it was last certain of all of it. Not thread-safe.

    Args:
        group: without the prefix.
        name: of the member's transactions.
        written: looks offsets up.
        standing: of the member, now.

    Attributes:
        has_reason: whether something has happened that may have left something.
    """

    def __init__(self, cluster: Cluster, group: str, name: str, written: Offsets, standing: Callable[[], Standing]) -> None:
        self._cluster = cluster
        self._group = group
        self._name = name
        self._written = written
        self._standing = standing
        self.has_reason = False
        self._at = time.monotonic()
        self._numbers: dict[Place, int] = {}
        self._tried: Mapping[Place, int] = {}
        self._committed: Mapping[Place, int] = {}
        self._last = self._acknowledged = 0
        self._may_complete = True

    def begin(self, number: int, offsets: Mapping[Place, int]) -> dict[Place, int]:
        """A transaction is tried; whoever writes its records notes its number for each partition, in what this returns."""
        self._last = number
        self._tried = offsets
        return self._numbers

    def acknowledged(self) -> None:
        """The broker says that it has it."""
        self._acknowledged = self._last
        self._committed = self._tried
        self._at = time.monotonic()

    @property
    def exist(self) -> bool:
        """Whether there is anything to be certain of."""
        return self._last > 0

    @property
    def are_old(self) -> bool:
        """Whether nothing was written for a while."""
        return time.monotonic() > self._at + _IDLE

    def are_unfounded(self) -> bool:
        """Whether the broker has all that it has acknowledged and, where there is reason to ask, nobody waits for the end of it.

        Raises:
            KafkaException: it is not told in time.
        """
        if not self.exist:
            return True
        told = self._written.told(self._newest(), _MOMENT)
        if told.number is not None and told.number < self._acknowledged:
            return False
        if self.has_reason or self.are_old:
            if self._cluster.open_ends.among(self._numbers, _MOMENT):
                return False
            self._forget()
        return True

    def resolve(self, producer: Any) -> None:
        """See that what is open is ended as it must be, before the next transaction ends it as itself.

        A client that has seen no trouble is asked: the member's own may wait for its next poll, which does not come before this is over.

        Args:
            producer: of this member's name, ready to begin a transaction: how the others have ended is certain.

        Raises:
            Lost: the broker does not have what it has acknowledged.
            KafkaException: it is not known, or can not be ended now.
        """
        if not self.exist:
            return
        told = self._written.told(self._newest(), _OFFSETS, asks_anew=True)
        reached = self._acknowledged if told.number is None else told.number
        is_open = self._cluster.open_ends.among(self._numbers, _LEADERS)
        is_lost = reached < self._acknowledged
        if is_lost and told.is_ours and self._acknowledged == self._last and self._may_complete:
            self._complete(producer, is_open)
            is_lost = False
        else:
            self._end(producer, is_open, reached, is_lost=is_lost)
        self._forget()
        if is_lost:
            raise Lost(f"the broker does not have a transaction of {self._name} that it has acknowledged (KAFKA-20734); it is done again")

    def _end(self, producer: Any, is_open: AbstractSet[Place], reached: int, *, is_lost: bool) -> None:
        """Commit what is open of transactions up to a number, and abort the rest."""
        whole = {place for place in is_open if self._numbers[place] <= reached}
        if whole:
            logger.info("what the broker has not ended of a transaction of %s is committed (KAFKA-20734)", self._name)
            commit_leftovers(producer, whole)
        if is_lost or is_open - whole:
            abort_leftovers(producer, self._cluster, self._group, is_open - whole, [TopicPartition(*place, 0) for place in self._newest()])

    def _complete(self, producer: Any, is_open: AbstractSet[Place]) -> None:
        """Make a transaction whole that is there in part. Who has lost its places waits: they come back, or somebody takes them."""
        standing = self._standing()
        if not standing.places >= self._committed.keys():
            raise KafkaException(KafkaError(KafkaError._STATE, "it is not known yet whose its partitions are"))  # noqa: SLF001 - a code
        number = mark(self._name, self._acknowledged)
        self._may_complete = False  # what fails here is ended as an abort
        commit_leftovers(
            producer, is_open, [TopicPartition(*place, offset, number) for place, offset in self._committed.items()], standing.member
        )
        logger.info("a transaction of %s that the broker has not ended is whole now (KAFKA-20734)", self._name)

    def _newest(self) -> Mapping[Place, int]:
        """Return the offsets of the last acknowledged transaction and of what was tried since; older places may be another's by now."""
        return {**self._committed, **self._tried}

    def _forget(self) -> None:
        self._numbers.clear()
        self._tried = self._committed = {}
        self._last = self._acknowledged = 0
        self.has_reason = False
        self._may_complete = True
