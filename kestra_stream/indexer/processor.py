"""Indexer: events, log lines and metrics in, writes to the repository out."""

from collections.abc import Sequence
from datetime import datetime

from kestra_stream.errors import Invalid
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.queue.interface import Record, Transaction
from kestra_stream.repository.interface import Executions, Logs, Metrics
from kestra_stream.runtime.processor import Stateless
from kestra_stream.topics import EXECUTION_EVENT, LOG, METRIC


class Indexer(Stateless):
    """The processor of projections. It holds no state: what is written twice is written once.

    The writes come before the commit of the offsets, so a crash between the two repeats them; a repository that is away raises
    `Retryable`, and the offsets stay where they are.

    Args:
        executions: takes the events.
        logs: takes the log lines.
        metrics: takes the metrics.
    """

    group = "indexer"
    topics = (EXECUTION_EVENT, LOG, METRIC)

    def __init__(self, executions: Executions, logs: Logs, metrics: Metrics) -> None:
        self._executions = executions
        self._logs = logs
        self._metrics = metrics

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Write a batch, each kind in one go and in its order."""
        events: list[ExecutionEvent] = []
        lines: list[LogEntry] = []
        values: list[MetricEntry] = []
        for record in records:
            match record.value:
                case ExecutionEvent() as event:
                    events.append(event)
                case LogEntry() as line:
                    lines.append(line)
                case MetricEntry() as value:
                    values.append(value)
                case None:
                    continue  # a tombstone: nothing to show
                case other:
                    raise Invalid(f"{record.topic}/{record.partition}@{record.offset} holds {type(other).__name__}, which is not indexed")
        if events:
            self._executions.apply(events)
        if lines:
            self._logs.add(lines)
        if values:
            self._metrics.add(values)
        return Transaction()
