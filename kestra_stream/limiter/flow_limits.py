"""Flow limits: `flow` in, for every changed flow its limit out to the limiter, so that the line moves when a limit is raised or gone."""

from collections.abc import Callable, Sequence
from datetime import datetime

from kestra_stream.engine.limiter import flow_scope
from kestra_stream.errors import InvalidFlow
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import ChangeLimit
from kestra_stream.queue.interface import Outgoing, Record, Transaction
from kestra_stream.runtime.processor import Stateless
from kestra_stream.topics import FLOW, LIMITER_INBOX


class FlowLimits(Stateless):
    """The processor that tells of limits. It keeps nothing.

    Args:
        find: a flow by tenant, namespace, id and revision, as it counts for everybody; None when there is none.
    """

    group = "flow-limits"
    topics = (FLOW,)

    def __init__(self, find: Callable[[str, str, str, int], Flow | None]) -> None:
        self._find = find

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Tell the limiter of every revision but the first: before that one nobody can wait."""
        del now
        told: list[Outgoing] = []
        for record in records:
            source: FlowSource | None = record.value
            if source is None or source.deleted or source.revision <= 1:
                continue
            try:
                flow = self._find(source.tenant_id, source.namespace, source.id, source.revision)
            except InvalidFlow:
                continue  # nothing of this revision can run, so the limit stays what it was
            if flow is None:
                continue
            limit = flow.concurrency
            scope = flow_scope(source.tenant_id, source.namespace, source.id)
            told.append(Outgoing(LIMITER_INBOX, scope, ChangeLimit(scope, limit.limit if limit else None, source.revision)))
        return Transaction(told)
