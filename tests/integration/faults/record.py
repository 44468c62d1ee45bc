"""What the log tells of all executions, and the laws that hold over it whatever has died."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import accumulate

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.folded import FoldedExecution
from kestra_stream.models.records import LogEntry
from kestra_stream.models.state import S, StateType
from kestra_stream.queue.interface import Log, Record
from kestra_stream.topics import EXECUTION_EVENT, LOG
from tests.integration.faults.workload import ENDINGS, LIMIT, WRITERS, Ending
from tests.services.broker import Broker


class Story:
    """One execution as its events tell it, in the order in which they lie in the log."""

    def __init__(self) -> None:
        self.folded = FoldedExecution()
        self.sequences: list[int] = []
        self.parents: set[str] = set()

    def take(self, event: ExecutionEvent) -> None:
        """Take an event in."""
        self.sequences.append(event.sequence)
        self.folded.fold(event)

    @property
    def head(self) -> Execution:
        """Its head."""
        assert self.folded.head is not None
        return self.folded.head

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and nobody will ask anything of it."""
        if not self.folded.is_finished:
            return False
        ending = ENDINGS.get(self.head.flow_id)
        return ending is None or self.state not in ending.asks

    @property
    def state(self) -> StateType | None:
        """The state that it is in."""
        return self.folded.head.state.current if self.folded.head is not None else None


class Chronicle:
    """Reads the events and the log lines of all executions.

    Attributes:
        stories: by execution id.
        finished: executions that have ended for good.
        written: task runs that have written a line.
    """

    def __init__(self, log: Log) -> None:
        self._reader = log.reader((EXECUTION_EVENT, LOG))
        self.written: set[str | None] = set()
        self.stories: dict[str, Story] = defaultdict(Story)
        self.finished: set[str] = set()

    def read(self, timeout: float) -> list[Story]:
        """Take in what has happened; return the executions that something has happened to."""
        return self._taken(self._reader.poll(2_000, timeout))

    def until(self, is_so: Callable[[], bool], what: str, patience: float = 100.0) -> None:
        """Read until something is so."""
        deadline = time.monotonic() + patience
        while not is_so():
            self.read(0.05)
            assert time.monotonic() < deadline, f"{what}: not within {patience:g} s; {self._open()}"

    def end_well(self, executions: Sequence[str]) -> None:
        """Wait until executions have ended: each well, each of its events there once."""
        self.until(lambda: set(executions) <= self.finished, "the executions end")
        for execution_id in executions:
            story = self.stories[execution_id]
            assert story.state is S.SUCCESS
            assert story.sequences == list(range(1, len(story.sequences) + 1))

    def _open(self) -> str:
        """Tell of what has not ended."""
        stories = [(key, story) for key, story in self.stories.items() if key not in self.finished and story.folded.head is not None]
        shown = [
            f"{key} {story.head.flow_id} {[(run.task_id, str(run.state.current)) for run in story.folded.listed()]}"
            for key, story in stories
        ]
        return f"{len(shown)} are open: {shown[:5]}"

    def catch_up(self) -> None:
        """Take in all that is there."""
        for records in self._reader.catch_up():
            self._taken(records)

    def _taken(self, records: Sequence[Record]) -> list[Story]:
        changed: dict[str, Story] = {}
        for record in records:
            if isinstance(record.value, LogEntry):
                self.written.add(record.value.task_run_id)
                continue
            event: ExecutionEvent = record.value
            story = changed[record.key] = self.stories[record.key]
            story.take(event)
            if story.is_over:
                self.finished.add(record.key)
            else:
                self.finished.discard(record.key)
        return list(changed.values())

    def close(self) -> None:
        """Read no more."""
        self._reader.close()

    def faults(self) -> Iterator[str]:
        """Tell whatever is not as it must be, once all is over."""
        for execution_id, story in self.stories.items():
            if story.sequences != list(range(1, len(story.sequences) + 1)):
                yield f"{execution_id}: its events are numbered {story.sequences}"
            if not story.folded.is_finished:
                yield f"{execution_id} ({story.head.flow_id}): {story.state}, not finished"
            else:
                yield from _ending_faults(execution_id, story, ENDINGS[story.head.flow_id])
                yield from self._unwritten(execution_id, story)
        yield from self._family_faults()
        most = self._most_at_once("limited")
        if most > LIMIT:
            yield f"{most} executions of `limited` ran at once"

    def _most_at_once(self, flow: str) -> int:
        """Return how many executions of a flow were running at the same time."""
        steps: list[tuple[datetime, int]] = []
        for story in self.stories.values():
            if story.head.flow_id == flow:
                histories = story.head.state.histories
                steps += [*[(step.date, 1) for step in histories if step.state is S.RUNNING][:1], (histories[-1].date, -1)]
        return max(accumulate(change for _, change in sorted(steps)), default=0)

    def _unwritten(self, execution_id: str, story: Story) -> Iterator[str]:
        """Tell of runs that are said to have written a line, which is not there."""
        for run in story.folded.listed():
            if run.task_id in WRITERS and run.state.current is S.SUCCESS and run.id not in self.written:
                yield f"{execution_id} ({story.head.flow_id}): the line of `{run.task_id}` {run.value or ''} is not there"

    def _family_faults(self) -> Iterator[str]:
        """Tell of callers that did not call what they had to, exactly once."""
        called: dict[str, Counter[str]] = defaultdict(Counter)
        for story in self.stories.values():
            trigger = story.head.trigger
            if trigger is not None:
                called[str(trigger.variables["executionId"])][story.head.flow_id] += 1
        for execution_id, story in self.stories.items():
            wanted = dict(ENDINGS[story.head.flow_id].children)
            if dict(called[execution_id]) != wanted:
                yield f"{execution_id} ({story.head.flow_id}): called {dict(called[execution_id])}, not {wanted}"


def _ending_faults(execution_id: str, story: Story, ending: Ending) -> Iterator[str]:
    name = f"{execution_id} ({story.head.flow_id})"
    runs = story.folded.listed()
    states = Counter((run.task_id, run.state.current) for run in runs)
    if story.state is not ending.state or not ending.of(states):
        yield f"{name}: {story.state} with {dict(states)}, not {ending.state} with {dict(ending.runs)}; {story.head.error or ''}"
    for run in runs:
        counted = [attempt for attempt in run.attempts if attempt.state.current is not S.RESUBMITTED]
        if any(not attempt.state.is_terminal for attempt in counted):
            yield f"{name}: an attempt of `{run.task_id}` has not ended: {[attempt.state.current for attempt in run.attempts]}"
        wanted = ending.attempts.get(run.task_id)
        if wanted is not None and len(counted) != wanted:
            yield f"{name}: {len(counted)} attempts of `{run.task_id}`, not {wanted}"
        if [attempt.state.current for attempt in counted].count(S.SUCCESS) > 1:
            yield f"{name}: `{run.task_id}` has succeeded twice"


def last_values(kafka: Broker, topic: str) -> dict[bytes, bytes]:
    """Return what a compacted topic holds: the last value of each key, without tombstones."""
    consumer = Consumer({**kafka.client, "group.id": "nobody", "enable.partition.eof": True, "enable.auto.commit": False})
    numbers = consumer.list_topics(topic, 30).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    values: dict[bytes, bytes | None] = {}
    ended: set[int] = set()
    while len(ended) < len(numbers):
        for message in consumer.consume(1_000, 0.2):
            if message.error() is None:
                values[message.key() or b""] = message.value()
            else:
                ended.add(message.partition() or 0)
    consumer.close()
    return {key: value for key, value in values.items() if value is not None}
