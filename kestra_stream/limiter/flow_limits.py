"""Flow limits: `flow` in, for every changed flow its limit out to the limiter, so that the line moves when a limit is raised or gone."""

from collections.abc import Callable, Sequence
from datetime import datetime

from kestra_stream.engine.limiter import flow_scope
from kestra_stream.errors import InvalidFlow
from kestra_stream.models.flow import Flow
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import ChangeLimit
from kestra_stream.queue.interface import Outgoing, Record, State, TopicPartition, Transaction
from kestra_stream.topics import FLOW, LIMITER_INBOX


class FlowLimits:
    """The processor that tells of limits. It keeps nothing.

    Args:
        parse: turns a source into a flow.
    """

    group = "flow-limits"
    topics = (FLOW,)
    state = None

    def __init__(self, parse: Callable[[FlowSource], Flow]) -> None:
        self._parse = parse

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Tell the limiter of every revision but the first: before that one nobody can wait."""
        del now
        told: list[Outgoing] = []
        for record in records:
            source: FlowSource | None = record.value
            if source is None or source.deleted or source.revision <= 1:
                continue
            try:
                limit = self._parse(source).concurrency
            except InvalidFlow:
                continue  # nothing of this revision can run, so the limit stays what it was
            scope = flow_scope(source.tenant_id, source.namespace, source.id)
            told.append(Outgoing(LIMITER_INBOX, scope, ChangeLimit(scope, limit.limit if limit else None, source.revision)))
        return Transaction(told)

    def wake(self, now: datetime) -> Transaction:
        """Never asked for."""
        del now
        return Transaction()

    def wake_at(self) -> datetime | None:
        """Nothing here waits for a date."""
        return None

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """Nothing is kept."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is kept."""

    def rolled_back(self) -> None:
        """Nothing is kept."""

    def committed(self) -> None:
        """Nothing is kept."""
