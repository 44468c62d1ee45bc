"""What a member remembers of the state beside a partition when the state itself is in its processor's memory: the names of the parts."""

from collections.abc import Iterable, Sequence

from kestra_stream.queue.kafka.state.local_copy import Change


class PartNames:
    """Owners and the names of their parts; the verbs are those of `LocalCopy`. Not thread-safe.

    Args:
        known: owner and part of all that is there.
    """

    is_damaged = False

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self.position = 0
        self._names: dict[str, set[str]] = {}
        for owner, part in known:
            self._names.setdefault(owner, set()).add(part)
        self._staged: list[Change] = []

    def stage(self, changes: Sequence[Change]) -> None:
        """Take changes in; they count once `keep` was called."""
        self._staged.extend(changes)

    def keep(self, position: int | None = None) -> None:
        """Let what was staged count."""
        del position
        names = self._names
        for owner, part, content in self._staged:
            if content is not None:
                names.setdefault(owner, set()).add(part)
            elif owner in names:
                names[owner].discard(part)
                if not names[owner]:
                    del names[owner]
        self._staged.clear()

    def drop(self) -> None:
        """Forget what was staged."""
        self._staged.clear()

    def names(self, owner: str) -> set[str]:
        """Return the names of an owner's parts."""
        return self._names.get(owner, set())

    def close(self) -> None:
        """Nothing to let go."""
