"""Flows in memory: every revision of every flow, oldest first."""

import re
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from kestra_stream.models.flow_source import FlowSource
from kestra_stream.repository.fields import FLOW_FIELDS, Field, field_of
from kestra_stream.repository.memory.search import matching, page_of
from kestra_stream.repository.query import Filter, Page, Slice, Sort

BY_NAME = (Sort("namespace"), Sort("id"))
_REVISION_LINE = re.compile(r"^revision[ \t]*:.*(?:\r?\n|\Z)", re.MULTILINE)


class MemoryFlows:
    """Flows of all tenants. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._revisions: dict[tuple[str, str, str], list[FlowSource]] = {}

    def save(self, flow: FlowSource) -> FlowSource:
        """Append a revision unless the newest one says the same."""
        with self._lock:
            revisions = self._revisions.setdefault((flow.tenant_id, flow.namespace, flow.id), [])
            newest = revisions[-1] if revisions else None
            if newest is not None and not newest.deleted and _without_revision(newest.source) == _without_revision(flow.source):
                return newest
            saved = replace(flow, revision=newest.revision + 1 if newest else 1, deleted=False)
            revisions.append(saved)
            return saved

    def get(self, tenant: str, namespace: str, flow_id: str, revision: int | None = None) -> FlowSource | None:
        """Return a revision, the newest by default."""
        found = self.revisions(tenant, namespace, flow_id)
        if revision is None:
            return found[-1] if found and not found[-1].deleted else None
        return next((flow for flow in found if flow.revision == revision), None)

    def revisions(self, tenant: str, namespace: str, flow_id: str) -> Sequence[FlowSource]:
        """List all revisions."""
        return tuple(self._revisions.get((tenant, namespace, flow_id), ()))

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Append the mark of a deletion; None when there is nothing to delete."""
        with self._lock:
            revisions = self._revisions.get((tenant, namespace, flow_id))
            if not revisions or revisions[-1].deleted:
                return None
            gone = replace(revisions[-1], revision=revisions[-1].revision + 1, deleted=True)
            revisions.append(gone)
            return gone

    def search(self, where: Filter, page: Page) -> Slice[FlowSource]:
        """Go through the newest revisions; by namespace and id unless the page sorts."""
        with self._lock:
            newest = [revisions[-1] for revisions in self._revisions.values()]
        found = matching([flow for flow in newest if not flow.deleted], where, _find)
        return page_of(found, page, _find, BY_NAME, lambda flow: f"{flow.tenant_id}\0{flow.namespace}\0{flow.id}")


def _find(name: str) -> Field[FlowSource]:
    return field_of(FLOW_FIELDS, name)


def _without_revision(source: str) -> str:
    return _REVISION_LINE.sub("", source).strip()
