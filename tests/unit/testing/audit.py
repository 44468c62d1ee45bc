"""What must be true of every world of the driver, at each turn and when nothing happens any more."""

from collections.abc import Mapping
from itertools import pairwise

from kestra_stream.engine.limiter import SlotState, decide_slot
from kestra_stream.executor.processor import Executor
from kestra_stream.limiter.processor import Limiter
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.state import TERMINAL, S
from kestra_stream.queue.interface import State, TopicPartition
from kestra_stream.testing.driver import Driver, Story
from kestra_stream.topics import EXECUTION_EVENT, LIMITER_INBOX
from tests.unit.engine.laws import HEADS, RUNS, SET_BY_A_PERSON


class Audit:
    """Watches a driver from its first turn on."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.events: dict[str, dict[int, ExecutionEvent]] = {}
        self._reader = driver.log.consumer("", (EXECUTION_EVENT,))
        self._requests = driver.log.consumer("", (LIMITER_INBOX,))
        self._slots: dict[str, SlotState] = {}

    def turns(self, count: int) -> None:
        """Let some things happen, and look after each."""
        for _ in range(count):
            self.driver.turn()
            self.look()

    def settle(self) -> None:
        """Let everything happen, and look after each turn."""
        for _ in range(100_000):
            if self.driver.turn():
                self.look()
                continue
            moments = [moment for loop in self.driver.loops if (moment := loop.processor.wake_at()) is not None]
            if not moments:
                return
            self.driver.clock.advance_to(min(moments))
        raise AssertionError("still busy")

    def look(self) -> None:
        """Between two turns: nobody new has a slot where there is no room; events are read."""
        for record in self._reader.poll(1000, 0):
            known = self.events.setdefault(record.key, {})
            event: ExecutionEvent = record.value
            assert event.sequence not in known or known[event.sequence] == event, "two events share a number"
            known[event.sequence] = event
        for record in self._requests.poll(1000, 0):
            before = self._slots.get(record.key, SlotState())
            slots = self._slots[record.key] = decide_slot(before, record.value).state
            fresh = set(slots.holders) - set(before.holders)
            assert not fresh or slots.limit is None or len(slots.holders) <= slots.limit, f"{record.key} is oversold"

    def check_the_end(self) -> None:
        """Nothing is left but the documents, and these tell what has happened."""
        self.look()
        for execution_id in self.driver.executions():
            story = self.driver.story(execution_id)
            check_story(story)
            self.check_documents(story)
            self.check_attempts(story)
        for loop in self.driver.loops:
            processor = loop.processor
            if isinstance(processor, Executor):
                assert processor.live_executions == 0, "an execution was not let go"
                assert processor.wake_at() is None, "a timer is left"
        assert stored(self.driver, Executor) == {}, "a part of the state is left"
        for parts in stored(self.driver, Limiter).values():
            assert set(parts) <= {"", "revision"}, "a slot or place is stored still"

    def check_attempts(self, story: Story) -> None:
        """Each dispatch has made one attempt at most; those of a replay may have come with it."""
        for run in story.task_runs:
            dispatches = self.driver.workplace.dispatched.get(run.id)
            if dispatches is not None and story.execution.original_id is None:
                assert len(run.attempts) <= len(dispatches), (run.task_id, "an attempt was counted twice")

    def check_documents(self, story: Story) -> None:
        """The repository tells what its events tell one after the other."""
        events = self.events[story.execution.id]
        assert sorted(events) == list(range(1, len(events) + 1)), "the events have a gap"
        head, runs = None, dict[str, TaskRun]()
        for number in sorted(events):
            event = events[number]
            head = event.execution or head
            runs |= {run.id: run for run in event.task_runs}
            for gone in event.removed:
                runs.pop(gone, None)
        assert story.execution == head
        assert {run.id: run for run in story.task_runs} == runs
        assert any(event.finished for event in events.values()), "nobody was told of the end"


class _Heir:
    """Takes over what a group keeps."""

    def __init__(self) -> None:
        self.state: dict[str, Mapping[str, object]] = {}

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        del partitions
        self.state |= {owner: parts for owners in state.values() for owner, parts in owners.items() if parts}

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        del partitions
        self.state.clear()


def stored(driver: Driver, processor: type[Executor | Limiter]) -> dict[str, Mapping[str, object]]:
    """What a group keeps in its state; its members leave, the last thing that happens in this world."""
    for loop in [loop for loop in driver.loops if isinstance(loop.processor, processor)]:
        loop.consumer.close()
        driver.loops.remove(loop)
    heir = _Heir()
    driver.log.consumer(processor.group, processor.topics, heir).poll(1, 0)
    return heir.state


def check_story(story: Story) -> None:
    """An execution has ended; all its histories are legal, its attempts closed and one of them good at most."""
    assert story.execution.state.is_terminal, (story.execution.id, story.history)
    by_person = {"RESTARTED"} & set(story.history) or story.execution.original_id is not None
    for one, other in pairwise(transition.state for transition in story.execution.state.histories):
        assert other in HEADS[one], (story.execution.id, story.history)
    dates = [transition.date for transition in story.execution.state.histories]
    assert dates == sorted(dates), "a history goes back in time"
    for run in story.task_runs:
        check_run(run, by_person=bool(by_person))


def check_run(run: TaskRun, *, by_person: bool) -> None:
    """See `check_story`."""
    states = [transition.state for transition in run.state.histories]
    assert run.state.is_terminal, (run.task_id, states)
    assert not run.sent, (run.task_id, "is said to be with a worker")
    for one, other in pairwise(states):
        assert other in RUNS.get(one, set()) | (SET_BY_A_PERSON if by_person else set()), (run.task_id, states)
    assert all(attempt.state.current in TERMINAL for attempt in run.attempts), (run.task_id, "an attempt is open")
    good = [attempt for attempt in run.attempts if attempt.state.current is S.SUCCESS]
    assert len(good) <= 1 or by_person, (run.task_id, "ran again after it was well")
