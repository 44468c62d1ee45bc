"""Processor: what a component is to the runtime loop. It holds no loop and no rule of its own; one may keep nothing either."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from kestra_stream.queue.interface import Record, State, TopicPartition, Transaction
from kestra_stream.topics import Topic


class Processor(Protocol):
    """Topics in, one transaction out."""

    @property
    def group(self) -> str:
        """Consumer group of all members of the component."""
        ...

    @property
    def topics(self) -> Sequence[Topic]:
        """What it reads."""
        ...

    @property
    def state(self) -> Topic | None:
        """Where its state is logged; None for a processor that keeps nothing."""
        ...

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Turn a batch of records into all that it changes. Called again with the same records after a rollback."""
        ...

    def wake(self, now: datetime) -> Transaction:
        """Called when `wake_at` has come, without records: timers become records here."""
        ...

    def wake_at(self) -> datetime | None:
        """Tell when `wake` is next wanted; None for never."""
        ...

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Partitions came, with the state that lives beside them."""
        ...

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Partitions went; forget what belongs to them."""
        ...

    def rolled_back(self) -> None:
        """The last transaction was not committed; forget what it changed in memory."""
        ...

    def committed(self) -> None:
        """The last transaction is committed; what it changed in memory is true now."""
        ...


class Timeless:
    """What a processor without timers inherits."""

    def wake(self, now: datetime) -> Transaction:
        """Never asked for."""
        del now
        return Transaction()

    def wake_at(self) -> datetime | None:
        """Nothing waits for a moment."""
        return None


class Stateless(Timeless):
    """What a processor that keeps nothing inherits; it adds its group, its topics and `process`."""

    state = None

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Nothing is kept for a partition."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is kept for a partition."""

    def rolled_back(self) -> None:
        """Nothing was changed in memory."""

    def committed(self) -> None:
        """Nothing was changed in memory."""
