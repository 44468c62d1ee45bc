"""What only the repository in memory promises: a limit, silence about what is gone, and readers beside a writer."""

import threading
import tracemalloc
from datetime import UTC, datetime, timedelta

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import State, StateType
from kestra_stream.repository.interface import Repository
from kestra_stream.repository.memory import memory_repository
from kestra_stream.repository.memory.forgotten import Forgotten
from kestra_stream.repository.query import Filter, Page

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ALL = Page(1, 1000)


def head(execution_id: str, state: StateType = StateType.RUNNING) -> Execution:
    return Execution(execution_id, "company", "flow", 1, State.created(NOW).to(state, NOW))


def begun(execution_id: str, sequence: int = 1) -> ExecutionEvent:
    return ExecutionEvent(execution_id, sequence, head(execution_id))


def ended(execution_id: str, sequence: int = 2) -> ExecutionEvent:
    return ExecutionEvent(execution_id, sequence, head(execution_id, StateType.SUCCESS), finished=True)


def line(execution_id: str) -> LogEntry:
    return LogEntry(f"line of {execution_id}", execution_id, "company", "flow", NOW, Level.INFO, "text")


def kept(repository: Repository) -> str:
    return "".join(sorted(found.id for found in repository.executions.search(Filter(), ALL).items))


def logged(repository: Repository) -> str:
    return "".join(sorted(found.execution_id for found in repository.logs.search(Filter(), ALL).items))


def test_past_the_limit_the_oldest_ended_ones_go_with_their_logs() -> None:
    # a ends, b runs on, c and d end: a goes first, b stays
    repository = memory_repository(max_executions=2)
    for name in "abcd":
        repository.logs.add([line(name)])
        repository.executions.apply([begun(name)])
        if name != "b":
            repository.executions.apply([ended(name)])
    assert kept(repository) == logged(repository) == "bd"


def test_live_executions_stay_whatever_the_limit() -> None:
    repository = memory_repository(max_executions=1)
    repository.executions.apply([begun(name) for name in "abc"])
    assert kept(repository) == "abc"
    repository.executions.apply([ended("b"), ended("a")])
    assert kept(repository) == "c"


def test_one_that_was_restarted_goes_to_the_end_of_the_line() -> None:
    repository = memory_repository(max_executions=2)
    repository.executions.apply([begun("a"), ended("a"), begun("b"), ended("b"), begun("a", 3)])
    repository.executions.apply([begun("c")])
    assert kept(repository) == "ac"
    repository.executions.apply([ended("c"), ended("a", 4), begun("d")])
    assert kept(repository) == "ad"


def test_what_comes_late_of_an_evicted_execution_is_dropped() -> None:
    """Neither a headless execution nor a stray log line is left."""
    repository = memory_repository(max_executions=1)
    repository.executions.apply([begun("a"), ended("a"), begun("b"), ended("b")])
    repository.executions.apply([ExecutionEvent("a", 3, None, (TaskRun("r", "t", State.created(NOW)),)), ended("a")])
    repository.logs.add([line("a"), line("b")])
    assert repository.executions.sequence("a") == 0
    assert (kept(repository), logged(repository)) == ("b", "b")


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(Invalid):
        memory_repository(max_executions=0)


def test_ended_executions_do_not_fill_a_limited_repository() -> None:
    repository = memory_repository(max_executions=10)
    for number in range(2000):
        repository.executions.apply([begun(str(number)), ended(str(number))])
    assert repository.executions.search(Filter(), ALL).total == 10
    assert [found.total for found in (repository.executions.search(Filter().where("namespace", "company"), ALL),)] == [10]


def test_old_ids_are_let_go() -> None:
    """Memory of the forgotten is bounded; the newest are remembered."""
    forgotten = Forgotten()
    for number in range(25_000):
        forgotten.add(str(number))
    assert "24999" in forgotten
    assert "20000" in forgotten
    assert "0" not in forgotten


def test_one_event_costs_the_same_in_a_big_execution() -> None:
    """A hundred thousand runs: an event copies none of them, and little is held for each."""
    repository = memory_repository()
    runs = [TaskRun(f"run-{number}", "t", State.created(NOW)) for number in range(100_000)]
    tracemalloc.start()
    repository.executions.apply([ExecutionEvent("e", 1, head("e"), tuple(runs))])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    repository.executions.apply([ExecutionEvent("e", 2, None, (runs[5].with_state(StateType.RUNNING, NOW),))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held / len(runs) < 400
    assert peak - held < 10_000
    listed = repository.executions.task_runs("e", Page(1000, 100))
    assert [run.id for run in listed] == [f"run-{number}" for number in range(99_900, 100_000)]


def test_entries_are_held_by_reference() -> None:
    repository = memory_repository()
    execution, run = head("e"), TaskRun("r", "t", State.created(NOW))
    repository.executions.apply([ExecutionEvent("e", 1, execution, (run,))])
    assert repository.executions.get("e") is execution
    assert repository.executions.task_runs("e")[0] is run


def test_readers_and_the_writer_do_not_disturb_each_other() -> None:
    """A reader sees whole batches: never two states of one batch."""
    repository = memory_repository()
    names = [str(number) for number in range(50)]
    repository.executions.apply([begun(name) for name in names])
    stop = threading.Event()
    problems: list[str] = []

    def read() -> None:
        while not stop.is_set():
            found = repository.executions.search(Filter(), ALL).items
            if len({execution.attempt_number for execution in found}) != 1:
                problems.append("a part of a batch was seen")
            repository.executions.task_runs("0")
            repository.executions.search(Filter().where("state", "RUNNING"), ALL)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(2, 200):
        repository.executions.apply(
            [
                ExecutionEvent(
                    name,
                    turn,
                    Execution(name, "company", "flow", 1, State.created(NOW).to(list(StateType)[turn % 5], NOW), attempt_number=turn),
                    (TaskRun(f"r{turn}", "t", State.created(NOW + timedelta(seconds=turn))),),
                )
                for name in names
            ]
        )
    stop.set()
    for reader in readers:
        reader.join()
    assert problems == []
    assert len(repository.executions.task_runs("0")) == 198
