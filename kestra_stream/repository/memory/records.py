"""Logs and metrics in memory: append-only entries, by execution and id."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Generic, Protocol, TypeVar

from kestra_stream.repository.fields import Field, field_of
from kestra_stream.repository.memory.forgotten import Forgotten
from kestra_stream.repository.memory.search import matching, page_of
from kestra_stream.repository.query import Filter, Operator, Page, Slice, Sort

OLDEST_FIRST = (Sort("timestamp"),)


class Entry(Protocol):
    """What all append-only facts have."""

    @property
    def id(self) -> str:
        """The same for the same fact, however often it comes."""
        ...

    @property
    def execution_id(self) -> str:
        """Whose fact it is."""
        ...

    @property
    def timestamp(self) -> datetime:
        """When it happened."""
        ...


E = TypeVar("E", bound=Entry)


class MemoryRecords(Generic[E]):
    """Entries of one kind. One writer and any number of readers at a time.

    Args:
        fields: what can be asked of an entry.
    """

    def __init__(self, fields: Mapping[str, Field[E]]) -> None:
        self._fields = fields
        self._lock = Lock()
        self._entries: dict[str, dict[str, E]] = {}
        self._forgotten = Forgotten()

    def add(self, entries: Sequence[E]) -> None:
        """Store entries; the first of an id stays."""
        with self._lock:
            for entry in entries:
                if entry.execution_id not in self._forgotten:
                    self._entries.setdefault(entry.execution_id, {}).setdefault(entry.id, entry)

    def search(self, where: Filter, page: Page) -> Slice[E]:
        """Go through the entries of the executions that the filter names, else through all; oldest first unless the page sorts."""
        return page_of(self._matching(where), page, self._find, OLDEST_FIRST, lambda entry: entry.id)

    def delete(self, where: Filter) -> int:
        """Delete what matches."""
        found = self._matching(where)
        with self._lock:
            return sum(self._drop(entry) for entry in found)

    def forget(self, execution_ids: Sequence[str]) -> None:
        """Drop all entries of executions, and what comes late of them."""
        with self._lock:
            for execution_id in execution_ids:
                self._entries.pop(execution_id, None)
                self._forgotten.add(execution_id)

    def _find(self, name: str) -> Field[E]:
        return field_of(self._fields, name)

    def _matching(self, where: Filter) -> list[E]:
        named = [
            condition.value
            for condition in where.conditions
            if condition.field == "execution_id" and condition.operator == Operator.EQUALS and isinstance(condition.value, str)
        ]
        with self._lock:
            if named:
                candidates = list(self._entries.get(named[0], {}).values())
            else:
                candidates = [entry for entries in self._entries.values() for entry in entries.values()]
        return matching(candidates, where, self._find)

    def _drop(self, entry: E) -> bool:
        entries = self._entries.get(entry.execution_id)
        if entries is None or entries.pop(entry.id, None) is None:
            return False
        if not entries:
            del self._entries[entry.execution_id]
        return True
