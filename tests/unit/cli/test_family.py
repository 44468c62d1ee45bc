"""Of all that happens on a log, a follower takes in what belongs to the executions that it follows, whatever comes first."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import permutations

import pytest

from kestra_stream.cli.follow.family import Family, Message
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.execution import Execution, ExecutionTrigger
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import State, StateType
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.topics import EXECUTION_EVENT, LOG

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def event(execution_id: str, caller: str | None = None, before: str | None = None, state: StateType = StateType.RUNNING) -> ExecutionEvent:
    trigger = ExecutionTrigger("call", "Subflow", {"executionId": caller, "taskRunId": f"run of {caller}"}) if caller else None
    head = Execution(execution_id, "a.b", "flow", 1, State.created(NOW).to(state, NOW), trigger=trigger, parent_id=before)
    return ExecutionEvent(execution_id, 1, head)


def line(execution_id: str, number: int = 1) -> LogEntry:
    return LogEntry(f"{execution_id} {number}", execution_id, "a.b", "flow", NOW, Level.INFO, "text")


def sifted(family: Family, messages: Sequence[Message]) -> list[Message]:
    return [found for message in messages for found in family.sift(message)]


FAMILY = (event("root"), line("root"), event("child", "root"), line("child"), event("grandchild", "child"), line("grandchild"))
STRANGERS = (event("other"), line("other"), event("others child", "other"), line("nobody"))


@pytest.mark.parametrize("order", list(permutations(range(6)))[::17])
def test_whoever_belongs_to_the_root_is_taken_in_whatever_comes_first(order: Sequence[int]) -> None:
    family = Family()
    assert list(family.follow("root")) == []
    messages: list[Message] = [one for place in order for one in (FAMILY[place], STRANGERS[place % 4])]
    assert sorted(map(str, sifted(family, messages))) == sorted(map(str, FAMILY))


def test_what_came_before_an_execution_was_named_is_not_lost() -> None:
    family = Family()
    early: list[Message] = [line("root"), event("child", "root"), line("child")]
    assert sifted(family, early) == []
    assert sorted(map(str, family.follow("root"))) == sorted(map(str, early))


def test_an_execution_in_place_of_a_retried_one_belongs_and_a_replay_by_somebody_does_not() -> None:
    family = Family()
    list(family.follow("root"))
    retry, replayed = event("retry", before="root"), event("replay of child", "root", before="child")
    assert sifted(family, [retry, replayed, line("retry")]) == []
    assert sifted(family, [event("child", "root")]) == [event("child", "root")]
    retried = event("root", state=StateType.RETRIED)
    assert sifted(family, [retried]) == [retried, retry, line("retry")]


def test_many_records_of_nobody_push_out_the_oldest_and_nobody_else() -> None:
    family = Family()
    list(family.follow("root"))
    for number in range(20_000):
        assert sifted(family, [line("nobody" if number < 10 else f"nobody {number % 7}", number)]) == []
    assert sifted(family, [line("child"), event("child", "root")]) == [line("child"), event("child", "root")]


def test_a_follower_of_one_execution_hears_of_no_other_and_misses_nothing_that_came_before_it_was_told() -> None:
    log = MemoryLog(SystemClock().now)
    log.send([Outgoing(EXECUTION_EVENT, "root", event("root"))])
    follower = Follower(log, keeps=True)
    log.send([Outgoing(EXECUTION_EVENT, one.execution_id, one) for one in (*FAMILY, *STRANGERS) if isinstance(one, ExecutionEvent)])
    follower.follow("root")
    log.send([Outgoing(LOG, one.execution_id, one) for one in (*FAMILY, *STRANGERS) if isinstance(one, LogEntry)])
    shown = follower.catch_up()
    assert set(follower.executions) == {"root", "child", "grandchild"}
    assert {entry.execution_id for entry in shown} == set(follower.lines) == {"root", "child", "grandchild"}
    follower.close()
