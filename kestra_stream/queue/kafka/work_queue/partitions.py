"""The partitions that one process owns, and how far the jobs of each are done. Thread-safe."""

from collections.abc import Iterable
from threading import Condition

from kestra_stream.queue.kafka.work_queue.progress import Marks, Progress


class Partitions:
    """What is to be committed, partition by partition; what happens to one that went meanwhile changes nothing.

    Args:
        changed: lock of all that is shared.
    """

    def __init__(self, changed: Condition) -> None:
        self._changed = changed
        self._owned: dict[int, Progress] = {}
        self._touched: set[int] = set()

    @property
    def owned(self) -> frozenset[int]:
        """The numbers of all."""
        return frozenset(self._owned)

    def positions(self) -> dict[int, int]:
        """Return where each is read next, as far as that is known."""
        with self._changed:
            return {number: progress.position for number, progress in self._owned.items() if progress.position is not None}

    @property
    def is_touched(self) -> bool:
        """Whether there is something to commit."""
        return bool(self._touched)

    def assign(self, partition: int, start: int | None, marks: Marks) -> None:
        """A partition came, with what its last owner has committed."""
        with self._changed:
            self._owned[partition] = Progress(start, marks)

    def drop(self, partitions: Iterable[int]) -> None:
        """Partitions went."""
        with self._changed:
            for partition in partitions:
                self._owned.pop(partition, None)
                self._touched.discard(partition)

    def read(self, partition: int, offset: int) -> int | None:
        """A job was read; return how often it was handed out before, None when it is done already or the partition is another's."""
        progress = self._owned.get(partition)
        deliveries = progress.read(offset) if progress is not None else None
        if progress is not None and deliveries is None:
            self._touched.add(partition)
        return deliveries

    def count(self, partition: int, offset: int, deliveries: int) -> None:
        """Note how often an open job was handed out."""
        self._owned[partition].count(offset, deliveries)

    def done(self, partition: int, offset: int) -> None:
        """A job needs nobody any more."""
        self._owned[partition].done(offset)
        self._touched.add(partition)

    def due(self) -> dict[int, tuple[int, Marks]]:
        """Return what is to be committed since the last call."""
        with self._changed:
            touched, self._touched = self._touched, set()
            return self.of(touched)

    def of(self, partitions: Iterable[int]) -> dict[int, tuple[int, Marks]]:
        """Return the offset to commit of each of these partitions, and what is known behind it."""
        with self._changed:
            owned = {partition: self._owned[partition].commit() for partition in partitions if partition in self._owned}
            return {partition: commit for partition, commit in owned.items() if commit is not None}

    def touch(self, partitions: Iterable[int]) -> None:
        """What was to be committed of these was not."""
        with self._changed:
            self._touched.update(partition for partition in partitions if partition in self._owned)
