"""Outputs and states of task runs as expressions see them: a persistent tree that grows by O(log n) a run and is never copied."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from immutables import Map

Entries = Map[str, tuple[int, Any]]


class Collected(Mapping[str, Any]):
    """A read-only map in order of arrival; `with_value` returns a grown one that shares all the rest.

    A path is a task id followed by the values of the loops around the run, outermost first. Where two runs end at the
    same path, or one path goes on below another's end, their maps merge, as the flow language says.
    """

    __slots__ = ("_arrivals", "_entries")

    def __init__(self, entries: Entries | None = None, arrivals: int = 0) -> None:
        self._entries: Entries = Map() if entries is None else entries
        self._arrivals = arrivals

    def with_value(self, path: Sequence[str], value: Mapping[str, Any]) -> "Collected":
        """Put a map at a path, merged over what is there."""
        head, rest = path[0], path[1:]
        order, present = self._entries.get(head, (self._arrivals, None))
        merged: Any
        if rest:
            inner = present if isinstance(present, Collected) else _opened(present)
            merged = inner.with_value(rest, value)
        elif isinstance(present, Collected):
            merged = present
            for key, item in value.items():
                merged = merged._with_entry(key, item)  # noqa: SLF001 - the same class
        else:
            merged = {**present, **value} if present else value
        return Collected(self._entries.set(head, (order, merged)), self._arrivals + 1)

    def _with_entry(self, key: str, item: Any) -> "Collected":
        order, _ = self._entries.get(key, (self._arrivals, None))
        return Collected(self._entries.set(key, (order, item)), self._arrivals + 1)

    def without(self, path: Sequence[str]) -> "Collected":
        """Drop what lies at a path."""
        head, rest = path[0], path[1:]
        if head not in self._entries:
            return self
        order, present = self._entries[head]
        if not rest:
            return Collected(self._entries.delete(head), self._arrivals)
        if not isinstance(present, Collected):
            return self
        return Collected(self._entries.set(head, (order, present.without(rest))), self._arrivals)

    def __getitem__(self, key: str) -> Any:
        return self._entries[key][1]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries, key=lambda key: self._entries[key][0]))

    def __repr__(self) -> str:
        return repr(dict(self))


def _opened(present: Mapping[str, Any] | None) -> Collected:
    opened = Collected()
    for key, item in (present or {}).items():
        opened = opened._with_entry(key, item)  # noqa: SLF001 - the same class
    return opened
