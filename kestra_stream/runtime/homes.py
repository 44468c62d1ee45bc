"""Homes: beside which partition an owner's state lives, so that a processor can let go of what goes with one."""

from collections.abc import Iterable

from kestra_stream.queue.interface import TopicPartition


class Homes:
    """Owners (execution ids, scopes) and the numbers of their partitions."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def put(self, number: int, owner: str) -> None:
        """Note where an owner lives."""
        self._numbers[owner] = number

    def forget(self, owner: str) -> None:
        """An owner keeps nothing any more."""
        self._numbers.pop(owner, None)

    def number_of(self, owner: str) -> int:
        """Return where an owner lives that is known."""
        return self._numbers[owner]

    def leave(self, partitions: Iterable[TopicPartition]) -> list[str]:
        """Partitions went: forget their owners, and return them."""
        gone = {place.partition for place in partitions}
        owners = [owner for owner, number in self._numbers.items() if number in gone]
        for owner in owners:
            del self._numbers[owner]
        return owners
