"""Commands for executions that were let go work without a repository: their past is read back from the log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from threading import Event

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.executor.processor import Executor
from kestra_stream.executor.recall import Past, PastReader, Recalls, past_of
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import Label
from kestra_stream.models.state import S
from kestra_stream.queue.interface import Outgoing, Start
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.queue.memory.reader import MemoryReader
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.loop import Loop
from kestra_stream.testing.driver import Driver, Mischief, Outcomes
from kestra_stream.topics import EXECUTION_EVENT, Topic

FLOW = """
id: line
namespace: tests.recall
tasks:
  - {id: first, type: io.kestra.plugin.core.debug.Return, format: one}
  - {id: second, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.first.value }} two"}
  - {id: third, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.second.value }} three"}
"""
PARENT = """
id: parent
namespace: tests.recall
tasks:
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.recall, flowId: line, wait: true, transmitFailed: true}
"""
FAILS_ONCE: Outcomes = {"second": [S.FAILED, S.SUCCESS]}


class PromptReader(PastReader):
    """Knows the answer as soon as it is asked."""

    def ask(self, execution_id: str) -> None:
        if execution_id not in self._found:
            self._found[execution_id] = past_of(self._log, execution_id, self._clock.now())


class LogDriver(Driver):
    """Executors that have the log alone."""

    def _executor(self) -> Executor:
        return Executor(self._plans, lambda _: None, Recalls(PromptReader(self.log, self.clock)))

    def executors(self) -> Iterator[Executor]:
        return (loop.processor for loop in self.loops if isinstance(loop.processor, Executor))


def seeds() -> list[int]:
    return list(range(12))


@pytest.mark.parametrize("seed", seeds())
def test_a_restart_goes_on_from_the_failed_run_under_the_numbers_that_follow(seed: int) -> None:
    driver = LogDriver(FLOW, seed=seed, outcomes=FAILS_ONCE, mischief=Mischief(reorder=0.3, double=0.2, crash=0.05, rebalance=0.05))
    story = driver.run("line")
    assert story.state is S.FAILED
    driver.tell(story.execution.id, i.Restart())
    driver.settle()
    story = driver.story(story.execution.id)
    assert (story.state, story.execution.attempt_number) == (S.SUCCESS, 2)
    assert story.states() == {"first": ["SUCCESS"], "second": ["SUCCESS"], "third": ["SUCCESS"]}
    past = past_of(driver.log, story.execution.id, driver.clock.now())
    assert past.known is not None
    head, runs, sequence = past.known
    assert (head, list(runs)) == (story.execution, list(story.task_runs))
    assert sequence == driver.repository.executions.sequence(head.id)
    assert not any(executor.live_executions for executor in driver.executors())


@pytest.mark.parametrize("seed", seeds())
def test_commands_that_come_together_are_done_in_their_order_each_on_what_the_one_before_left(seed: int) -> None:
    driver = LogDriver(FLOW, seed=seed, mischief=Mischief(crash=0.1, rebalance=0.1))
    story = driver.run("line")
    execution_id = story.execution.id
    for number in range(5):
        driver.tell(execution_id, i.SetLabels((Label("number", str(number)),)))
    driver.tell(execution_id, i.ChangeStatus(S.WARNING))
    driver.tell(execution_id, i.Replay("again"))
    driver.settle()
    again = driver.story("again")
    assert (again.state, again.execution.labels[0], again.execution.parent_id) == (S.SUCCESS, Label("number", "4"), execution_id)
    story = driver.story(execution_id)
    assert (story.state, story.execution.labels) == (S.WARNING, (Label("number", "4"),))
    assert past_of(driver.log, execution_id, driver.clock.now()).known == (
        story.execution,
        tuple(story.task_runs),
        driver.repository.executions.sequence(execution_id),
    )


@pytest.mark.parametrize("seed", seeds())
def test_a_parent_restarts_its_child(seed: int) -> None:
    driver = LogDriver(PARENT, FLOW, seed=seed, outcomes=FAILS_ONCE, mischief=Mischief(crash=0.03, rebalance=0.03))
    story = driver.run("parent")
    assert story.state is S.FAILED
    driver.tell(story.execution.id, i.Restart())
    driver.settle()
    assert driver.story(story.execution.id).state is S.SUCCESS
    assert len(driver.executions()) == 2


def test_an_execution_that_nobody_knows_stays_away_and_whoever_waits_for_it_is_told() -> None:
    driver = LogDriver(PARENT, FLOW)
    driver.tell("nobody", i.Restart(parent=i.ParentLink("parent", "run", 1)))
    driver.tell("nobody", i.SetLabels(()))
    inbox = driver.log.consumer("", (driver.loops[0].processor.topics[0],))
    driver.settle()
    ended = [record.value for record in inbox.poll(100, 0) if isinstance(record.value, i.SubflowEnded)]
    assert [one.error for one in ended] == ["execution `nobody` can not be restarted: the log keeps nothing of it (any more)"]


def test_the_same_creation_while_a_command_waits_begins_nothing() -> None:
    driver = LogDriver(FLOW)
    story = driver.run("line")
    driver.tell(story.execution.id, i.SetLabels((Label("a", "b"),)))
    driver.tell(story.execution.id, i.Create(story.execution))
    driver.settle()
    assert driver.story(story.execution.id).execution.labels == (Label("a", "b"),)
    assert len(driver.story(story.execution.id).task_runs) == 3


def test_a_past_with_gaps_brings_nothing_back() -> None:
    driver = LogDriver(FLOW)
    story = driver.run("line")
    known = past_of(driver.log, story.execution.id, driver.clock.now())
    assert known.known is not None
    reader = driver.log.reader((EXECUTION_EVENT,), key=story.execution.id)
    events = [record.value for records in reader.catch_up() for record in records]
    log = MemoryLog(driver.clock.now)
    log.send([Outgoing(EXECUTION_EVENT, event.execution_id, event) for event in events[1:]])
    assert past_of(log, story.execution.id, driver.clock.now()) == Past(None, "the log does not keep all of its events any more")


# -- the thread --------------------------------------------------------------------------------------------------------


class SlowLog(MemoryLog):
    """Readers come when they may; the first is refused."""

    def __init__(self) -> None:
        super().__init__(SystemClock().now)
        self.may = Event()
        self.tries = 0

    def reader(self, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> MemoryReader:
        self.may.wait(20)
        self.tries += 1
        if self.tries == 1:
            raise Unavailable("not now")
        return super().reader(topics, start, key)


def eventually(reader: PastReader, execution_id: str) -> Past:
    deadline = SystemClock().monotonic() + 20
    while execution_id not in reader.found():
        assert SystemClock().monotonic() < deadline
    return reader.past(execution_id)


def test_a_reader_tries_again_where_the_log_is_away_and_what_nobody_wants_any_more_is_not_kept() -> None:
    log = SlowLog()
    reader = PastReader(log, SystemClock())
    reader.ask("unwanted")
    reader.forget("unwanted")
    reader.ask("wanted")
    reader.ask("wanted")
    log.may.set()
    assert eventually(reader, "wanted") == Past(None, "the log keeps nothing of it (any more)")
    assert list(reader.found()) == ["wanted"]
    reader.forget("wanted")
    assert list(reader.found()) == []


def test_an_executor_in_a_loop_of_its_own_is_woken_by_what_was_found() -> None:
    driver = LogDriver(FLOW)
    story = driver.run("line")
    for loop in driver.loops:
        if isinstance(loop.processor, Executor):
            loop.consumer.close()
    executor = Executor(driver._plans, lambda _: None, Recalls(PastReader(driver.log, SystemClock())))  # noqa: SLF001
    loop = Loop(executor, driver.log, SystemClock(), lambda _: b"")
    driver.tell(story.execution.id, i.SetLabels((Label("a", "b"),)))
    deadline = SystemClock().monotonic() + 20
    reader = driver.log.reader((EXECUTION_EVENT,), key=story.execution.id)
    found: list[object] = []
    while not any(getattr(one, "execution", None) and getattr(one, "execution").labels for one in found):  # noqa: B009
        assert SystemClock().monotonic() < deadline
        loop.step(0.05)
        found.extend(record.value for record in reader.poll(100, 0))
    assert loop.due_in() is None
    loop.consumer.close()
