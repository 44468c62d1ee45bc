"""The global table of flows: the `flow` topic, read whole by every process that needs it, parsed once a revision.

The first record of a revision counts. Two who save a flow at once may send the same number; what came second is void for everybody, and
whoever sent it takes it back and tries the next number.
"""

import logging
from collections.abc import Callable, Sequence
from threading import Lock

from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.queue.interface import Log, Record, Unreadable
from kestra_stream.topics import FLOW

logger = logging.getLogger(__name__)

NEWEST = 0
FIRST_TENANT = "main"


def flow_key(source: FlowSource, token: str = "") -> str:
    """Key of a flow's revision on its topic; parts are length-prefixed, so no two revisions share one.

    A token tells apart who saved it, where nobody numbers the revisions.
    """
    parts = (source.tenant_id, source.namespace, source.id, str(source.revision), *((token,) if token else ()))
    return "/".join(f"{len(part)}.{part}" for part in parts)


class FlowTable:
    """Flows by tenant, namespace, id and revision. Thread-safe.

    Args:
        log: where the topic lives.
        parse: turns a source into a flow; what it raises is passed on to whoever asks for that flow.
    """

    def __init__(self, log: Log, parse: Callable[[FlowSource], Flow]) -> None:
        self._reader = log.reader((FLOW,))
        self._parse = parse
        self._sources: dict[tuple[str, str, str, int], tuple[str, FlowSource]] = {}
        self._newest: dict[tuple[str, str, str], FlowSource] = {}
        self._flows: dict[tuple[str, str, str, int], Flow] = {}
        self._lock = Lock()
        self._was_at_the_end = False
        self.unreadable = 0

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

    def newest(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Return the newest revision's source as of now, a deletion included."""
        with self._lock:
            self._read_to_the_end()
            return self._newest.get((tenant, namespace, flow_id))

    def tenants(self) -> frozenset[str]:
        """Return the tenants that have, or had, a flow; the first one always."""
        with self._lock:
            self._read_to_the_end()
            return frozenset({FIRST_TENANT, *(tenant for tenant, _, _ in self._newest)})

    def counts(self, key: str, source: FlowSource) -> bool:
        """Whether the record of this key is the one that counts for the revision, as of now."""
        with self._lock:
            self._read_to_the_end()
            first = self._sources.get((source.tenant_id, source.namespace, source.id, source.revision))
            return first is not None and first[0] == key

    def close(self) -> None:
        """Stop reading."""
        self._reader.close()

    def _find(self, tenant: str, namespace: str, flow_id: str, revision: int) -> FlowSource | None:
        """Look up in what is there already; only what is not known is worth a way to the end of the topic."""
        found = self._known(tenant, namespace, flow_id, revision) if revision != NEWEST else None
        if found is None and self._was_at_the_end:
            while records := self._reader.poll(1000, 0):
                self._take(records)
            found = self._known(tenant, namespace, flow_id, revision)
        if found is None:
            self._read_to_the_end()
            found = self._known(tenant, namespace, flow_id, revision)
        return None if found is None or (revision == NEWEST and found.deleted) else found

    def _known(self, tenant: str, namespace: str, flow_id: str, revision: int) -> FlowSource | None:
        if revision == NEWEST:
            return self._newest.get((tenant, namespace, flow_id))
        first = self._sources.get((tenant, namespace, flow_id, revision))
        return None if first is None else first[1]

    def _read_to_the_end(self) -> None:
        for records in self._reader.catch_up():
            self._take(records)
        self._was_at_the_end = True

    def _take(self, records: Sequence[Record]) -> None:
        for record in records:
            source = record.value
            if isinstance(source, Unreadable):
                self.unreadable += 1
                logger.warning("%s/%s/%s is passed over: %s", record.topic, record.partition, record.offset, source.error)
            if not isinstance(source, FlowSource):
                continue  # what was taken back, or cannot be read
            uid = (source.tenant_id, source.namespace, source.id)
            self._sources.setdefault((*uid, source.revision), (record.key, source))
            present = self._newest.get(uid)
            if present is None or present.revision < source.revision:
                self._newest[uid] = source
