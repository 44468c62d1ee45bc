"""Where flows are saved: in a repository, or in the log alone, where the order of the topic decides between two who save at once."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from kestra_stream.errors import Unavailable
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.queue.interface import Log, Outgoing
from kestra_stream.repository.interface import Flows
from kestra_stream.runtime.flow_table import FlowTable, flow_key
from kestra_stream.topics import FLOW

_REVISION_LINE = re.compile(r"^revision[ \t]*:.*(?:\r?\n|\Z)", re.MULTILINE)
_MOST_TRIES = 50


class FlowRegister(Protocol):
    """Where flows are saved, so that everybody hears of them."""

    def save(self, flow: FlowSource) -> FlowSource:
        """Store a flow as its next revision; return the newest when its source is the same (a `revision:` line does not count)."""
        ...

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Append a revision marked deleted; None when there is no flow."""
        ...


class StoredFlows:
    """Saves in a repository, which numbers the revisions, and tells the log."""

    def __init__(self, flows: Flows, log: Log) -> None:
        self._flows = flows
        self._log = log

    def save(self, flow: FlowSource) -> FlowSource:
        """Store a flow and tell everybody."""
        saved = self._flows.save(flow)
        self._log.send((Outgoing(FLOW, flow_key(saved), saved),))
        return saved

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Delete a flow and tell everybody."""
        gone = self._flows.delete(tenant, namespace, flow_id)
        if gone is not None:
            self._log.send((Outgoing(FLOW, flow_key(gone), gone),))
        return gone


class LoggedFlows:
    """Saves in the log alone.

    In order:
        1. read the table to its end
        2. send the next revision, under a key that nobody else uses
        3. read to the end again: of several who sent that revision the first one has it, all others go back to 2
        4. who was not the first takes back what it sent
    """

    def __init__(self, table: FlowTable, log: Log, now: Callable[[], datetime], new_id: Callable[[], str]) -> None:
        self._table = table
        self._log = log
        self._now = now
        self._new_id = new_id

    def save(self, flow: FlowSource) -> FlowSource:
        """Store a flow unless the newest revision says the same."""
        wanted = _without_revision(flow.source)
        for _ in range(_MOST_TRIES):
            newest = self._table.newest(flow.tenant_id, flow.namespace, flow.id)
            if newest is not None and not newest.deleted and _without_revision(newest.source) == wanted:
                return newest
            revision = newest.revision + 1 if newest is not None else 1
            if (saved := self._sent(replace(flow, revision=revision, deleted=False, updated_at=self._now()))) is not None:
                return saved
        raise Unavailable(f"flow `{flow.namespace}.{flow.id}`: others save it all the time; try again")

    def delete(self, tenant: str, namespace: str, flow_id: str) -> FlowSource | None:
        """Append the mark of a deletion."""
        for _ in range(_MOST_TRIES):
            newest = self._table.newest(tenant, namespace, flow_id)
            if newest is None or newest.deleted:
                return None
            if (gone := self._sent(replace(newest, revision=newest.revision + 1, deleted=True, updated_at=self._now()))) is not None:
                return gone
        raise Unavailable(f"flow `{namespace}.{flow_id}`: others save it all the time; try again")

    def _sent(self, source: FlowSource) -> FlowSource | None:
        """Send a revision; None when another one came first."""
        key = flow_key(source, self._new_id())
        self._log.send((Outgoing(FLOW, key, source),))
        if self._table.counts(key, source):
            return source
        self._log.send((Outgoing(FLOW, key, None),))
        return None


def _without_revision(source: str) -> str:
    return _REVISION_LINE.sub("", source).strip()
