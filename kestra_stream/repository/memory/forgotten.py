"""Ids of executions that are gone, so that what comes late does not bring back a part of one."""

_REMEMBERED = 10_000


class Forgotten:
    """A set of ids that lets go of the oldest once it holds many."""

    __slots__ = ("_ids",)

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def add(self, execution_id: str) -> None:
        """Remember an id."""
        self._ids[execution_id] = None
        if len(self._ids) > _REMEMBERED:
            self._ids = dict.fromkeys(list(self._ids)[_REMEMBERED // 2 :])

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._ids
