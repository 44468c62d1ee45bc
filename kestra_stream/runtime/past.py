"""The past of one execution, read back from the log: its partition alone, up to the end as it is when somebody asks."""

from collections.abc import Iterator
from datetime import datetime

from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.history import History, Moment, history_of
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.queue.interface import Log, Record, Start
from kestra_stream.runtime.identity import made_after
from kestra_stream.topics import EXECUTION_EVENT, LOG, METRIC, Topic


def read_history(log: Log, execution_id: str, now: datetime, since: datetime | None = None) -> History:
    """Return all events of an execution that the log keeps.

    The id tells where to begin, if it was made and not derived, else whoever asks may know; where the first event is not found from there
    on, all is read.
    """
    since = made_after(execution_id, now) or since
    if since is not None:
        history = _history(log, execution_id, since)
        if history.moments and history.moments[0].event.sequence == 1:
            return history
    return _history(log, execution_id, Start.OLDEST)


def read_entries(log: Log, execution_id: str, since: datetime) -> tuple[list[LogEntry], list[MetricEntry]]:
    """Return the log lines and metrics of an execution that the log keeps since a moment, each once and oldest first."""
    lines: dict[str, LogEntry] = {}
    metrics: dict[str, MetricEntry] = {}
    for record in _records(log, (LOG, METRIC), execution_id, since):
        match record.value:
            case LogEntry() as line:
                lines.setdefault(line.id, line)
            case MetricEntry() as metric:
                metrics.setdefault(metric.id, metric)
            case _:
                pass
    return (
        sorted(lines.values(), key=lambda line: (line.timestamp, line.id)),
        sorted(metrics.values(), key=lambda metric: (metric.timestamp, metric.id)),
    )


def _history(log: Log, execution_id: str, start: Start | datetime) -> History:
    records = _records(log, (EXECUTION_EVENT,), execution_id, start)
    return history_of(Moment(record.value, record.timestamp) for record in records if isinstance(record.value, ExecutionEvent))


def _records(log: Log, topics: tuple[Topic, ...], key: str, start: Start | datetime) -> Iterator[Record]:
    reader = log.reader(topics, start, key)
    try:
        for records in reader.catch_up():
            yield from records
    finally:
        reader.close()
