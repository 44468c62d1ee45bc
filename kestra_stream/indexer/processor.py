"""Indexer: events, log lines and metrics in, the repository written. Writing something twice changes nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.queue.interface import Record, TopicPartition, Transaction
from kestra_stream.repository.interface import Executions, Logs, Metrics
from kestra_stream.topics import EXECUTION_EVENT, LOG, METRIC


class Indexer:
    """The processor that feeds the repository; offsets are committed after the write."""

    group = "indexer"
    topics = (EXECUTION_EVENT, LOG, METRIC)

    def __init__(self, executions: Executions, logs: Logs, metrics: Metrics) -> None:
        self._executions = executions
        self._logs = logs
        self._metrics = metrics

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        """Write a batch."""
        del now
        events: list[ExecutionEvent] = []
        logs: list[LogEntry] = []
        metrics: list[MetricEntry] = []
        lists: dict[str, list[Any]] = {EXECUTION_EVENT.name: events, LOG.name: logs, METRIC.name: metrics}
        for record in records:
            lists[record.topic].append(record.value)
        if logs:
            self._logs.add(logs)
        if metrics:
            self._metrics.add(metrics)
        if events:
            self._executions.apply(events)
        return Transaction()

    def wake(self, now: datetime) -> Transaction:
        """Never asked for."""
        del now
        return Transaction()

    def wake_at(self) -> datetime | None:
        """Nothing here waits for a date."""
        return None

    def assigned(self, partitions: frozenset[TopicPartition], state: Mapping[str, Mapping[str, Any]]) -> None:
        """Nothing is kept between batches."""

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Nothing is kept between batches."""

    def rolled_back(self) -> None:
        """Nothing is kept between batches."""

    def committed(self) -> None:
        """Nothing is kept between batches."""
