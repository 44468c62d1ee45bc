"""The repositories in memory: dictionaries of frozen objects, stored by reference. One writer, many readers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Any

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.repository.interface import KeyValueEntry, NamespaceFile, Repository
from kestra_stream.repository.memory_match import Fields, found, matching
from kestra_stream.repository.query import Filter, Page, Slice


def _attributes(*names: str) -> Fields:
    return {name: (lambda item, name=name: getattr(item, name)) for name in names}  # type: ignore[misc]


_FLOW_FIELDS = _attributes("tenant_id", "namespace", "id", "revision")
_EXECUTION_FIELDS: Fields = {
    **_attributes("tenant_id", "id", "namespace", "flow_id", "flow_revision", "parent_id", "kind"),
    "state": lambda item: item.state.current,
    "start_date": lambda item: item.state.start_date,
    "end_date": lambda item: item.state.end_date,
    "labels": lambda item: {label.key: label.value for label in item.labels},
    "trigger_execution_id": lambda item: item.trigger.variables.get("executionId") if item.trigger is not None else None,
}
_LOG_FIELDS = _attributes(
    "tenant_id", "execution_id", "namespace", "flow_id", "task_id", "task_run_id", "attempt_number", "trigger_id", "level", "timestamp"
)
_METRIC_FIELDS = _attributes("tenant_id", "execution_id", "namespace", "flow_id", "task_id", "task_run_id", "name", "type", "timestamp")


def memory_repository(most_executions: int | None = None) -> Repository:
    """Open an empty repository; beyond `most_executions` the oldest ended ones are forgotten with their logs and metrics."""
    logs, metrics = _Entries(_LOG_FIELDS), _Entries(_METRIC_FIELDS)
    executions = MemoryExecutions(most_executions, (logs, metrics))
    return Repository(MemoryFlows(), executions, logs, metrics, MemoryKeyValues(), MemoryNamespaceFiles())


class MemoryFlows:
    """Flows with their revisions."""

    def __init__(self) -> None:
        self._revisions: dict[tuple[str, str, str], list[FlowSource]] = {}
        self._lock = Lock()

    def save(self, flow: FlowSource) -> FlowSource:
        """Store the next revision, unless nothing has changed."""
        with self._lock:
            revisions = self._revisions.setdefault((flow.tenant_id, flow.namespace, flow.id), [])
            if revisions and not revisions[-1].deleted and _comparable(revisions[-1].source) == _comparable(flow.source):
                return revisions[-1]
            saved = replace(flow, revision=revisions[-1].revision + 1 if revisions else 1, deleted=False)
            revisions.append(saved)
            return saved

    def get(self, tenant: str, namespace: str, flow_id: str, revision: int | None = None) -> FlowSource | None:
        """Return a revision."""
        revisions = self._revisions.get((tenant, namespace, flow_id), [])
        if revision is not None:
            return next((one for one in revisions if one.revision == revision), None)
        return revisions[-1] if revisions and not revisions[-1].deleted else None

    def revisions(self, tenant: str, namespace: str, flow_id: str) -> Sequence[FlowSource]:
        """All revisions."""
        return tuple(self._revisions.get((tenant, namespace, flow_id), ()))

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Append a deletion."""
        with self._lock:
            revisions = self._revisions.get((tenant, namespace, flow_id), [])
            if not revisions or revisions[-1].deleted:
                return None
            revisions.append(replace(revisions[-1], revision=revisions[-1].revision + 1, deleted=True))
            return revisions[-1]

    def search(self, where: Filter, page: Page) -> Slice[FlowSource]:
        """Newest revisions that match."""
        newest = [revisions[-1] for revisions in list(self._revisions.values()) if not revisions[-1].deleted]
        return found(newest, where, page, _FLOW_FIELDS)


def _comparable(source: str) -> str:
    return "\n".join(line for line in source.strip().splitlines() if not line.startswith("revision:"))


@dataclass(slots=True)
class _Kept:
    """One execution as the events have told it; numbers say which event a part comes from."""

    head: Execution | None = None
    head_sequence: int = 0
    last_sequence: int = 0
    runs: dict[str, tuple[int, TaskRun | None]] = field(default_factory=dict)


class MemoryExecutions:
    """Executions and their task runs."""

    def __init__(self, most: int | None = None, attached: Sequence["_Entries"] = ()) -> None:
        self._kept: dict[str, _Kept] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._most = most
        self._attached = attached

    def apply(self, events: Sequence[ExecutionEvent]) -> None:
        """Fold events in; older news than what is known changes nothing."""
        for event in events:
            kept = self._kept.get(event.execution_id)
            if kept is None:
                kept = self._kept[event.execution_id] = _Kept()
            sequence = event.sequence
            if event.execution is not None and sequence > kept.head_sequence:
                if kept.head is None:
                    self._note_parent(event.execution)
                kept.head, kept.head_sequence = event.execution, sequence
            runs = kept.runs
            for run in event.task_runs:
                known = runs.get(run.id)
                if known is None or sequence > known[0]:
                    runs[run.id] = (sequence, run)
            for run_id in event.removed:
                known = runs.get(run_id)
                if known is None or sequence > known[0]:
                    runs[run_id] = (sequence, None)
            kept.last_sequence = max(kept.last_sequence, sequence)
        if self._most is not None and len(self._kept) > self._most:
            self._forget_oldest()

    def _note_parent(self, head: Execution) -> None:
        parent = head.trigger.variables.get("executionId") if head.trigger is not None else None
        if parent is not None:
            self._children.setdefault(str(parent), {})[head.id] = None

    def _forget_oldest(self) -> None:
        excess = len(self._kept) - (self._most or 0)
        ended = [key for key, kept in self._kept.items() if kept.head is not None and kept.head.state.is_terminal][:excess]
        for execution_id in ended:
            self.delete(execution_id)
            for entries in self._attached:
                entries.forget(execution_id)

    def get(self, execution_id: str) -> Execution | None:
        """The head."""
        kept = self._kept.get(execution_id)
        return kept.head if kept is not None else None

    def sequence(self, execution_id: str) -> int:
        """Number of the last event."""
        kept = self._kept.get(execution_id)
        return kept.last_sequence if kept is not None else 0

    def task_runs(self, execution_id: str, page: Page | None = None) -> Sequence[TaskRun]:
        """Task runs by the date of their creation."""
        kept = self._kept.get(execution_id)
        runs = [run for _, run in list(kept.runs.values()) if run is not None] if kept is not None else []
        runs.sort(key=lambda run: run.state.histories[0].date)
        if page is None:
            return runs
        start = (page.number - 1) * page.size
        return runs[start : start + page.size]

    def search(self, where: Filter, page: Page) -> Slice[Execution]:
        """Executions that match."""
        heads = [kept.head for kept in list(self._kept.values()) if kept.head is not None]
        return found(heads, where, page, _EXECUTION_FIELDS)

    def children(self, execution_id: str) -> Sequence[str]:
        """Ids of executions whose trigger names this one."""
        return tuple(self._children.get(execution_id, ()))

    def delete(self, execution_id: str) -> bool:
        """Forget an execution."""
        return self._kept.pop(execution_id, None) is not None


class _Entries:
    """Append-only records by execution: log lines, or metrics."""

    def __init__(self, fields: Fields) -> None:
        self._fields = fields
        self._entries: dict[str, dict[str, Any]] = {}

    def add(self, entries: Sequence[Any]) -> None:
        """Store records; a known id is the same record."""
        for entry in entries:
            known = self._entries.get(entry.execution_id)
            if known is None:
                known = self._entries[entry.execution_id] = {}
            known.setdefault(entry.id, entry)

    def search(self, where: Filter, page: Page) -> Slice[Any]:
        """Records that match, by timestamp."""
        hits = matching(self._candidates(where), where, self._fields)
        hits.sort(key=lambda entry: entry.timestamp)
        return found(hits, Filter(), page, self._fields)

    def delete(self, where: Filter) -> int:
        """Delete records that match."""
        hits = matching(self._candidates(where), where, self._fields)
        for entry in hits:
            self._entries[entry.execution_id].pop(entry.id, None)
        return len(hits)

    def forget(self, execution_id: str) -> None:
        """Delete all records of an execution."""
        self._entries.pop(execution_id, None)

    def _candidates(self, where: Filter) -> Iterable[LogEntry | MetricEntry]:
        one = next((c.value for c in where.conditions if c.field == "execution_id" and c.operator.value == "EQUALS"), None)
        if one is not None:
            return list(self._entries.get(one, {}).values())
        return [entry for entries in list(self._entries.values()) for entry in list(entries.values())]


class MemoryKeyValues:
    """Keys of the KV store."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], dict[str, KeyValueEntry]] = {}
        self._lock = Lock()

    def put(self, entry: KeyValueEntry, *, overwrite: bool = True) -> KeyValueEntry | None:
        """Store a key with the next version."""
        with self._lock:
            entries = self._entries.setdefault((entry.tenant_id, entry.namespace), {})
            known = entries.get(entry.key)
            if known is not None and not overwrite and not _expired(known, entry):
                return None
            saved = entries[entry.key] = replace(entry, version=known.version + 1 if known is not None else 1)
            return saved

    def get(self, tenant: str, namespace: str, key: str) -> KeyValueEntry | None:
        """Return the entry as stored."""
        return self._entries.get((tenant, namespace), {}).get(key)

    def list(self, tenant: str, namespace: str, prefix: str = "") -> Sequence[KeyValueEntry]:
        """Entries of one namespace, by key."""
        entries = self._entries.get((tenant, namespace), {})
        return [entries[key] for key in sorted(entries) if key.startswith(prefix)]

    def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Forget a key."""
        with self._lock:
            return self._entries.get((tenant, namespace), {}).pop(key, None) is not None


def _expired(known: KeyValueEntry, fresh: KeyValueEntry) -> bool:
    return known.expires_at is not None and fresh.updated_at is not None and known.expires_at <= fresh.updated_at


class MemoryNamespaceFiles:
    """Files of namespaces."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], dict[str, NamespaceFile]] = {}
        self._lock = Lock()

    def put(self, file: NamespaceFile) -> NamespaceFile:
        """Store a file with the next version."""
        with self._lock:
            files = self._files.setdefault((file.tenant_id, file.namespace), {})
            known = files.get(file.path)
            saved = files[file.path] = replace(file, version=known.version + 1 if known is not None else 1)
            return saved

    def get(self, tenant: str, namespace: str, path: str) -> NamespaceFile | None:
        """Return the newest version."""
        return self._files.get((tenant, namespace), {}).get(path)

    def list(self, tenant: str, namespace: str, prefix: str = "/") -> Sequence[NamespaceFile]:
        """Files under a path, by path."""
        files = self._files.get((tenant, namespace), {})
        folder = prefix.rstrip("/") + "/"
        return [files[path] for path in sorted(files) if path.startswith(folder) or path == prefix]

    def delete(self, tenant: str, namespace: str, path: str) -> bool:
        """Forget a file."""
        with self._lock:
            return self._files.get((tenant, namespace), {}).pop(path, None) is not None
