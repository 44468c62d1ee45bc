"""The global table of flows: the `flow` topic, read whole by every process that needs it, parsed once a revision."""

from collections.abc import Callable
from threading import Lock

from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.queue.interface import Log
from kestra_stream.topics import FLOW

NEWEST = 0


class FlowTable:
    """Flows by tenant, namespace, id and revision. Thread-safe.

    Args:
        log: where the topic lives.
        parse: turns a source into a flow; what it raises is passed on to whoever asks for that flow.
    """

    def __init__(self, log: Log, parse: Callable[[FlowSource], Flow]) -> None:
        self._consumer = log.consumer("", (FLOW,))
        self._parse = parse
        self._sources: dict[tuple[str, str, str, int], FlowSource] = {}
        self._newest: dict[tuple[str, str, str], FlowSource] = {}
        self._flows: dict[tuple[str, str, str, int], Flow] = {}
        self._lock = Lock()

    def get(self, tenant: str, namespace: str, flow_id: str, revision: int = NEWEST) -> Flow | None:
        """Return a revision (the newest by default); None when there is none, or the newest is deleted.

        Raises:
            InvalidFlow: the stored source is not a flow (any more), for instance because a plugin is gone.
        """
        with self._lock:
            source = self._find(tenant, namespace, flow_id, revision)
            if source is None:
                return None
            key = (tenant, namespace, flow_id, source.revision)
            known = self._flows.get(key)
        if known is not None:
            return known
        # outside of the lock: a plugin that loads slowly delays nobody who asks for another flow
        flow = self._parse(source)
        with self._lock:
            return self._flows.setdefault(key, flow)

    def _find(self, tenant: str, namespace: str, flow_id: str, revision: int) -> FlowSource | None:
        known = (tenant, namespace, flow_id, revision)
        if revision == NEWEST or known not in self._sources:
            self._refresh()
        if revision != NEWEST:
            return self._sources.get(known)
        newest = self._newest.get((tenant, namespace, flow_id))
        return None if newest is None or newest.deleted else newest

    def newest(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Return the newest revision's source, a deletion included."""
        with self._lock:
            self._refresh()
            return self._newest.get((tenant, namespace, flow_id))

    def _refresh(self) -> None:
        while records := self._consumer.poll(1000, 0):
            for record in records:
                source: FlowSource | None = record.value
                if source is None:
                    continue
                uid = (source.tenant_id, source.namespace, source.id)
                self._sources[*uid, source.revision] = source
                present = self._newest.get(uid)
                if present is None or present.revision <= source.revision:
                    self._newest[uid] = source
