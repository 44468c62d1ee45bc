"""What stands in for the changelog of a group that keeps no state: it needs no topic, and refuses changes."""

from collections.abc import Callable, Collection, Iterable, Mapping

from kestra_stream.errors import Invalid
from kestra_stream.queue.interface import State, StateChange
from kestra_stream.queue.kafka.encoding import Encoded


class NoChangelog:
    """No state; the verbs are those of `Changelog`."""

    is_damaged = False

    def __init__(self, group: str) -> None:
        self._group = group

    def stage(self, changes: Iterable[StateChange]) -> list[Encoded]:
        """Nothing can be staged.

        Raises:
            Invalid: something is to be.
        """
        if any(True for _ in changes):
            raise Invalid(f"group `{self._group}` has no topic for its state")
        return []

    def keep(self, ends: Mapping[int, int]) -> None:
        """Nothing to keep."""

    def drop(self) -> None:
        """Nothing to drop."""

    def before_commit(self) -> Mapping[int, int]:
        """Nothing is copied."""
        return {}

    def forget(self, numbers: Iterable[int]) -> None:
        """Nothing to forget."""

    def restore(self, numbers: Collection[int], stalled: Callable[[], None], given_up: Callable[[], bool]) -> State:
        """Return no state."""
        del stalled, given_up
        return {number: {} for number in numbers}

    def close(self) -> None:
        """Nothing to let go."""
