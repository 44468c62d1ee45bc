"""Ports: what can be looked up. Small repositories of domain verbs.

All but Flows, KeyValues and NamespaceFiles are projections of the log: they may be wiped and built again from it. Every `search`
refuses an unknown field, an operator that the field does not understand, a value that does not fit and a page below 1 with Invalid;
`fields.py` has the fields. Entries that sort alike stand by id, in the direction of the last sort; one without a value comes after all
that have one. Comparisons tell upper from lower case; a field without a value matches NOT_EQUALS and NOT_IN only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.repository.query import Filter, Page, Slice


class Flows(Protocol):
    """Flows with all their revisions."""

    def save(self, flow: FlowSource) -> FlowSource:
        """Store a flow as its next revision; return the newest when its source is the same (a `revision:` line does not count)."""
        ...

    def get(self, tenant: str, namespace: str, flow_id: str, revision: int | None = None) -> FlowSource | None:
        """Return a revision, a deletion's too when it is asked for by number; by default the newest, None when that is a deletion."""
        ...

    def revisions(self, tenant: str, namespace: str, flow_id: str) -> Sequence[FlowSource]:
        """All revisions, oldest first, deletions included."""
        ...

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Append a revision marked deleted, None when there is no flow; numbering goes on if the flow comes back."""
        ...

    def search(self, where: Filter, page: Page) -> Slice[FlowSource]:
        """Newest revisions that match, without deleted ones, by namespace and id."""
        ...


class Executions(Protocol):
    """Executions and their task runs, as the events tell them.

    Applying events twice, or in another order, ends in the same: per head and per task run the highest sequence number wins, and
    a run that an event removed stays away unless an event of a higher number tells of it.
    """

    def apply(self, events: Sequence[ExecutionEvent]) -> None:
        """Fold events in; each costs what it changes."""
        ...

    def get(self, execution_id: str) -> Execution | None:
        """The head of an execution, None until an event has told it."""
        ...

    def sequence(self, execution_id: str) -> int:
        """Highest number of the events applied; 0 for an unknown execution."""
        ...

    def task_runs(self, execution_id: str, page: Page | None = None) -> Sequence[TaskRun]:
        """Task runs in the order in which they came to be: all, or those of one page (its sort counts for nothing)."""
        ...

    def search(self, where: Filter, page: Page) -> Slice[Execution]:
        """Heads that match, newest start date first. `labels.KEY` asks for a label; `trigger_execution_id` for children."""
        ...

    def children(self, execution_id: str) -> Sequence[str]:
        """Ids of executions whose trigger names this one, oldest first."""
        ...

    def delete(self, execution_id: str) -> bool:
        """Forget an execution with its task runs, not its logs and metrics; False when there was none."""
        ...


class Logs(Protocol):
    """Log lines."""

    def add(self, entries: Sequence[LogEntry]) -> None:
        """Store lines; a line whose id is there already is the same line."""
        ...

    def search(self, where: Filter, page: Page) -> Slice[LogEntry]:
        """Lines that match, oldest first. A level compares by severity: GREATER_THAN_OR_EQUAL_TO WARN finds WARN and ERROR."""
        ...

    def delete(self, where: Filter) -> int:
        """Delete lines; return how many."""
        ...


class Metrics(Protocol):
    """Metrics."""

    def add(self, entries: Sequence[MetricEntry]) -> None:
        """Store values; one whose id is there already is the same value."""
        ...

    def search(self, where: Filter, page: Page) -> Slice[MetricEntry]:
        """Values that match, oldest first."""
        ...

    def delete(self, where: Filter) -> int:
        """Delete values; return how many."""
        ...


@dataclass(frozen=True, slots=True)
class KeyValueEntry:
    """What is known of a key; the value itself lies in storage at `uri`."""

    tenant_id: str
    namespace: str
    key: str
    type: str
    uri: str
    description: str | None = None
    expires_at: datetime | None = None
    updated_at: datetime | None = None
    version: int = 1


class KeyValues(Protocol):
    """Keys of the KV store (metadata only). `put` is atomic: of two writers with `overwrite=False` one wins."""

    def put(self, entry: KeyValueEntry, *, overwrite: bool = True) -> KeyValueEntry | None:
        """Store a key with the next version; None when it is there (and not expired at `entry.updated_at`) and must not be overwritten."""
        ...

    def get(self, tenant: str, namespace: str, key: str) -> KeyValueEntry | None:
        """Return the entry as stored, expired or not."""
        ...

    def list(self, tenant: str, namespace: str, prefix: str = "") -> Sequence[KeyValueEntry]:
        """Entries of one namespace, by key."""
        ...

    def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Forget a key; False when there was none."""
        ...


@dataclass(frozen=True, slots=True)
class NamespaceFile:
    """One file of a namespace: path with a leading `/`, where its bytes are, how big, which version."""

    tenant_id: str
    namespace: str
    path: str
    uri: str
    size: int
    version: int = 1
    updated_at: datetime | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


class NamespaceFiles(Protocol):
    """Files of namespaces (metadata only)."""

    def put(self, file: NamespaceFile) -> NamespaceFile:
        """Store a file with the next version."""
        ...

    def get(self, tenant: str, namespace: str, path: str) -> NamespaceFile | None:
        """Return the newest version."""
        ...

    def list(self, tenant: str, namespace: str, prefix: str = "/") -> Sequence[NamespaceFile]:
        """Files at or below a path, by path."""
        ...

    def delete(self, tenant: str, namespace: str, path: str) -> bool:
        """Forget a file; False when there was none."""
        ...


@dataclass(frozen=True, slots=True)
class Repository:
    """All repositories of one backend."""

    flows: Flows
    executions: Executions
    logs: Logs
    metrics: Metrics
    key_values: KeyValues
    namespace_files: NamespaceFiles
