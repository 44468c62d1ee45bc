"""Executions in memory: heads by id with indexes over what is asked most, task runs folded beside them."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from threading import Lock

from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.folded import FoldedExecution
from kestra_stream.repository.fields import execution_field, operand, trigger_execution_id
from kestra_stream.repository.memory.forgotten import Forgotten
from kestra_stream.repository.memory.search import check_page, matching, page_of
from kestra_stream.repository.query import Condition, Filter, Operator, Page, Slice, Sort

NEWEST_FIRST = (Sort("start_date", descending=True),)
_INDEXED: dict[str, Callable[[Execution], str | None]] = {
    "namespace": lambda execution: execution.namespace,
    "flow_id": lambda execution: execution.flow_id,
    "state": lambda execution: execution.state.current,
    "trigger_execution_id": trigger_execution_id,
}
_Index = dict[str | None, dict[str, None]]
_Keys = Callable[[_Index], Iterable[str | None]]


class MemoryExecutions:
    """Executions as the events tell them. One writer and any number of readers at a time; readers see whole batches.

    Args:
        limit: how many executions are kept at most; the oldest that have ended go first, live ones stay. None keeps all.
        evicted: told the ids that went because of the limit.
    """

    def __init__(self, limit: int | None = None, evicted: Callable[[tuple[str, ...]], None] = lambda _: None) -> None:
        if limit is not None and limit < 1:
            raise Invalid(f"at least one execution must be kept, not {limit}")
        self._limit = limit
        self._evicted = evicted
        self._lock = Lock()
        self._heads: dict[str, Execution] = {}
        self._runs: dict[str, FoldedExecution] = {}
        self._indexes: dict[str, _Index] = {name: {} for name in _INDEXED}
        self._ended: deque[str] = deque()
        self._forgotten = Forgotten()

    def apply(self, events: Sequence[ExecutionEvent]) -> None:
        """Fold events in; each costs what it changes."""
        with self._lock:
            for event in events:
                if event.execution_id not in self._forgotten:
                    self._fold(event)
            evicted = self._evict()
        if evicted:
            self._evicted(evicted)

    def get(self, execution_id: str) -> Execution | None:
        """Look a head up."""
        return self._heads.get(execution_id)

    def sequence(self, execution_id: str) -> int:
        """Return the highest number seen."""
        runs = self._runs.get(execution_id)
        return 0 if runs is None else runs.sequence

    def task_runs(self, execution_id: str, page: Page | None = None) -> Sequence[TaskRun]:
        """List all runs, or those of one page."""
        if page is not None:
            check_page(page)
        with self._lock:
            runs = self._runs.get(execution_id)
            if runs is None:
                return ()
            if page is None:
                return runs.listed()
            return runs.listed((page.number - 1) * page.size, page.number * page.size)

    def search(self, where: Filter, page: Page) -> Slice[Execution]:
        """Go through the smallest index that covers the filter; newest first unless the page sorts."""
        keys = [(condition.field, picked) for condition in where.conditions if (picked := _keys(condition)) is not None]
        with self._lock:
            candidates = self._candidates(keys)
        found = matching(candidates, where, execution_field)
        return page_of(found, page, execution_field, NEWEST_FIRST, lambda execution: execution.id)

    def children(self, execution_id: str) -> Sequence[str]:
        """Look up whom the execution started."""
        with self._lock:
            heads = [self._heads[child] for child in self._indexes["trigger_execution_id"].get(execution_id, ())]
        return [head.id for head in sorted(heads, key=lambda head: (head.state.start_date, head.id))]

    def delete(self, execution_id: str) -> bool:
        """Forget an execution; what its log tells later on is ignored."""
        with self._lock:
            return self._forget(execution_id)

    def _fold(self, event: ExecutionEvent) -> None:
        runs = self._runs.get(event.execution_id)
        if runs is None:
            runs = self._runs[event.execution_id] = FoldedExecution()
        before, finished_at = runs.head, runs.finished_at
        runs.fold(event)
        if runs.head is not None and runs.head is not before:
            self._index(before, runs.head)
            self._heads[event.execution_id] = runs.head
        if runs.finished_at > finished_at and self._limit is not None:
            self._ended.append(event.execution_id)

    def _index(self, old: Execution | None, new: Execution | None) -> None:
        """Move an execution to where its new head belongs; None is no head."""
        for name, read in _INDEXED.items():
            before, after = (read(old) if old else None), (read(new) if new else None)
            if before == after:
                continue
            index = self._indexes[name]
            if old is not None and before is not None:
                ids = index[before]
                del ids[old.id]
                if not ids:
                    del index[before]
            if new is not None and after is not None:
                index.setdefault(after, {})[new.id] = None

    def _candidates(self, keys: Sequence[tuple[str, _Keys]]) -> list[Execution]:
        choices = [
            [ids for key in keys_of(self._indexes[name]) if (ids := self._indexes[name].get(key)) is not None] for name, keys_of in keys
        ]
        if not choices:
            return list(self._heads.values())
        heads = self._heads
        return [heads[found] for ids in min(choices, key=lambda choice: sum(map(len, choice))) for found in ids]

    def _evict(self) -> tuple[str, ...]:
        """Forget the oldest that have ended until the limit holds; one that runs again comes back to the line at its end."""
        if self._limit is None:
            return ()
        gone: list[str] = []
        while len(self._runs) > self._limit and self._ended:
            oldest = self._ended.popleft()
            head = self._heads.get(oldest)
            if head is not None and head.state.is_terminal and self._forget(oldest):
                gone.append(oldest)
        return tuple(gone)

    def _forget(self, execution_id: str) -> bool:
        if self._runs.pop(execution_id, None) is None:
            return False
        self._index(self._heads.pop(execution_id, None), None)
        self._forgotten.add(execution_id)
        return True


def _keys(condition: Condition) -> _Keys | None:
    """Return what picks the keys of an index that a condition allows; None when no index covers it."""
    if condition.field not in _INDEXED:
        return None
    operator, value = operand(execution_field(condition.field), condition.field, condition.operator, condition.value)
    match operator:
        case Operator.EQUALS:
            return lambda _: (value,)
        case Operator.IN:
            return lambda _: value
        case Operator.PREFIX:
            return lambda index: [key for key in index if key is not None and f"{key}.".startswith(f"{value}.")]
        case _:
            return None
