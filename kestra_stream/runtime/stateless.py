"""The empty verbs of a processor that keeps nothing: no state, no timers, nothing to forget."""

from datetime import datetime

from kestra_stream.queue.interface import State, TopicPartition, Transaction


class Stateless:
    """What a processor that keeps nothing inherits; it adds its group, its topics and `process`."""

    state = None

    def wake(self, now: datetime) -> Transaction:
        """Never asked for."""
        del now
        return Transaction()

    def wake_at(self) -> datetime | None:
        """Nothing waits for a moment."""
        return None

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Nothing is kept for a partition."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is kept for a partition."""

    def rolled_back(self) -> None:
        """Nothing was changed in memory."""

    def committed(self) -> None:
        """Nothing was changed in memory."""
