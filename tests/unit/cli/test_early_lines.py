"""A log line that comes before the event of its task run waits for it, but not for ever: topics of a log have no order among them."""

from datetime import UTC, datetime

import pytest

from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import State
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.topics import EXECUTION_EVENT, LOG

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = Execution("e", "a.b", "flow", 1, State.created(NOW))
RUN = TaskRun("r", "one", State.created(NOW), value="a")


def line(run_id: str | None, text: str) -> LogEntry:
    return LogEntry(text, "e", "a.b", "flow", NOW, Level.INFO, text, task_id="one", task_run_id=run_id)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(SystemClock().now)


def tell(log: MemoryLog, *values: LogEntry | ExecutionEvent) -> None:
    log.send([Outgoing(LOG if isinstance(value, LogEntry) else EXECUTION_EVENT, "e", value) for value in values])


def told(follower: Follower) -> list[str]:
    return [entry.message for entry in follower.poll(0)]


def test_a_line_waits_for_its_run_and_those_of_others_do_not_wait(log: MemoryLog) -> None:
    follower = Follower(log)
    tell(log, ExecutionEvent("e", 1, HEAD), line("r", "early"), line(None, "of the execution"))
    assert told(follower) == ["of the execution"]
    tell(log, line("r", "as early"))
    assert told(follower) == []
    tell(log, ExecutionEvent("e", 2, None, (RUN,)))
    assert told(follower) == ["early", "as early"]
    tell(log, line("r", "in time"))
    assert told(follower) == ["in time"]


def test_a_line_whose_run_is_never_told_of_waits_for_some_polls(log: MemoryLog) -> None:
    follower = Follower(log)
    tell(log, ExecutionEvent("e", 1, HEAD), line("gone", "of nobody"))
    polls = [told(follower) for _ in range(12)]
    assert sorted(map(tuple, polls)) == [*[()] * 11, ("of nobody",)]


def test_at_the_end_nothing_waits(log: MemoryLog) -> None:
    follower = Follower(log)
    tell(log, ExecutionEvent("e", 1, HEAD), line("gone", "of nobody"))
    assert told(follower) == []
    tell(log, line("gone", "the last"))
    assert [entry.message for entry in follower.catch_up()] == ["of nobody", "the last"]
