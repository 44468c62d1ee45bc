"""The indexer writes what the log tells, once, however often it is told."""

from datetime import UTC, datetime
from typing import Any

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.indexer.processor import Indexer
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry, MetricEntry, MetricType
from kestra_stream.models.state import State
from kestra_stream.queue.interface import Record, TopicPartition, Transaction
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory import memory_repository
from kestra_stream.repository.query import Filter, Page
from kestra_stream.runtime.processor import Processor
from kestra_stream.topics import EXECUTION_EVENT, LOG, METRIC

NOW = datetime(2030, 1, 1, tzinfo=UTC)
EVENTS = (
    ExecutionEvent("e", 1, Execution("e", "company", "flow", 1, State.created(NOW))),
    ExecutionEvent("e", 2, None, (TaskRun("r", "t", State.created(NOW)),)),
)
LINE = LogEntry("l", "e", "company", "flow", NOW, Level.INFO, "text")
METRIC_ENTRY = MetricEntry("m", "e", "company", "flow", "t", "r", NOW, MetricType.GAUGE, "size", 1.0)


def records(*values: Any) -> list[Record]:
    return [Record("topic", 0, offset, "e", value, NOW) for offset, value in enumerate(values)]


def over(repository: Repository) -> Indexer:
    return Indexer(repository.executions, repository.logs, repository.metrics)


def test_a_batch_is_folded_into_the_repository() -> None:
    repository = memory_repository()
    assert over(repository).process(records(LINE, *EVENTS, None, METRIC_ENTRY), NOW) == Transaction()
    assert repository.executions.sequence("e") == 2
    assert [run.id for run in repository.executions.task_runs("e")] == ["r"]
    assert list(repository.logs.search(Filter(), Page()).items) == [LINE]
    assert list(repository.metrics.search(Filter(), Page()).items) == [METRIC_ENTRY]


def test_a_batch_that_comes_again_changes_nothing() -> None:
    repository = memory_repository()
    indexer = over(repository)
    for _ in range(2):
        indexer.process(records(*EVENTS, LINE, METRIC_ENTRY), NOW)
        indexer.rolled_back()
    assert repository.executions.sequence("e") == 2
    assert repository.logs.search(Filter(), Page()).total == repository.metrics.search(Filter(), Page()).total == 1


def test_a_record_of_another_kind_is_refused_before_anything_is_written() -> None:
    repository = memory_repository()
    with pytest.raises(Invalid, match=r"topic/0@1 holds str"):
        over(repository).process(records(EVENTS[0], "poison"), NOW)
    assert repository.executions.get("e") is None


def test_it_reads_the_three_topics_and_waits_for_nothing() -> None:
    indexer: Processor = over(memory_repository())
    assert (indexer.group, tuple(indexer.topics)) == ("indexer", (EXECUTION_EVENT, LOG, METRIC))
    partitions = frozenset({TopicPartition("log", 0)})
    indexer.assigned(partitions, {})
    indexer.committed()
    indexer.revoked(partitions)
    assert indexer.wake_at() is None
    assert indexer.wake(NOW) == Transaction()
    assert indexer.process((), NOW) == Transaction()
