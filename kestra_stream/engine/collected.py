"""Outputs and states of task runs as expressions see them: a persistent tree that grows by O(log n) a run and is never copied."""

from collections.abc import Iterator, Mapping, Sequence

from immutables import Map

Entries = Map[str, tuple[int, object]]


class Collected(Mapping[str, object]):
    """A read-only map in order of arrival; `with_value` returns a grown one that shares all the rest.

    A path is a task id followed by the values of the loops around the run, outermost first. Where two runs end at the
    same path, or one path goes on below another's end, their maps merge, as the flow language says.
    """

    __slots__ = ("_arrivals", "_entries")

    def __init__(self, entries: Entries | None = None, arrivals: int = 0) -> None:
        self._entries: Entries = Map() if entries is None else entries
        self._arrivals = arrivals

    def with_value(self, path: Sequence[str], value: Mapping[str, object]) -> "Collected":
        """Put a map at a path, merged over what is there."""
        head, rest = path[0], path[1:]
        order, present = self._entries.get(head, (self._arrivals, None))
        merged: Mapping[str, object]
        if rest:
            inner = present if isinstance(present, Collected) else Collected().with_entries(_map_of(present))
            merged = inner.with_value(rest, value)
        elif isinstance(present, Collected):
            merged = present.with_entries(value)
        else:
            merged = {**_map_of(present), **value} if present else value
        return Collected(self._entries.set(head, (order, merged)), self._arrivals + 1)

    def with_entries(self, entries: Mapping[str, object]) -> "Collected":
        """Put values at the keys of this level; each takes the place of what was there."""
        grown, arrivals = self._entries, self._arrivals
        for key, item in entries.items():
            order, _ = grown.get(key, (arrivals, None))
            grown, arrivals = grown.set(key, (order, item)), arrivals + 1
        return Collected(grown, arrivals)

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

    def __getitem__(self, key: str) -> object:
        return self._entries[key][1]

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries, key=lambda key: self._entries[key][0]))

    def __repr__(self) -> str:
        return repr(dict(self))


def _map_of(present: object) -> Mapping[str, object]:
    return present if isinstance(present, Mapping) else {}
