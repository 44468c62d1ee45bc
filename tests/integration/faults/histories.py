"""What happened to executions, read from their events: every step once and in order, every end once, every run counted once."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.queue.interface import Log, Reader
from kestra_stream.topics import EXECUTION_EVENT
from tests.unit.assembly.polling import until

PATIENCE = 150.0


@dataclass(slots=True)
class History:
    """The events of one execution."""

    sequences: list[int] = field(default_factory=list)
    ends: int = 0
    head: Execution | None = None
    runs: dict[str, TaskRun] = field(default_factory=dict)

    def take(self, event: ExecutionEvent) -> None:
        """Take in an event."""
        self.sequences.append(event.sequence)
        self.ends += event.finished
        self.head = event.execution or self.head
        self.runs.update({run.id: run for run in event.task_runs})
        for gone in event.removed:
            self.runs.pop(gone, None)

    @property
    def state(self) -> str:
        """The state that it has."""
        return str(self.head.state.current) if self.head is not None else ""

    def states(self) -> Mapping[str, str]:
        """The state of each task run, by task (and value)."""
        return {run.task_id + (f"/{run.value}" if run.value is not None else ""): str(run.state.current) for run in self.runs.values()}


class Histories:
    """All executions of a log, from the first event on."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.known: dict[str, History] = {}

    def poll(self, timeout: float = 0.0) -> None:
        """Take in what has come."""
        while records := self._reader.poll(2_000, timeout):
            timeout = 0.0
            for record in records:
                assert isinstance(record.value, ExecutionEvent)
                self.known.setdefault(record.value.execution_id, History()).take(record.value)

    def ended(self, ids: Iterable[str]) -> int:
        """How many of these have ended, as of now."""
        self.poll()
        return sum(self.known[each].ends > 0 for each in ids if each in self.known)

    def wait(self, ids: Iterable[str], count: int | None = None, seconds: float = PATIENCE) -> None:
        """Wait until they have ended, or so many of them."""
        wanted = list(ids)
        enough = len(wanted) if count is None else count
        try:
            until(lambda: self.ended(wanted) >= enough, seconds)
        except AssertionError as late:
            left = {each: self.known.get(each, History()) for each in wanted if self.known.get(each, History()).ends == 0}
            shown = "\n".join(
                f"{each}: {history.state} {history.states()} {history.sequences}" for each, history in list(left.items())[:10]
            )
            raise AssertionError(f"{len(left)} of {len(wanted)} have not ended:\n{shown}") from late

    def judge(self, ids: Iterable[str], state: str, runs: Mapping[str, str]) -> None:
        """Each was there, went every step once and in order, has ended once, in this state, with these runs."""
        for each in ids:
            history = self.known[each]
            shown = f"{each}: {history.state} {history.states()} {history.sequences}"
            assert history.sequences == list(range(1, len(history.sequences) + 1)), shown
            assert history.ends == 1, shown
            assert (history.state, dict(history.states())) == (state, dict(runs)), shown
            assert len(history.runs) == len(runs), shown
            for run in history.runs.values():
                terminal = Counter(step.state for step in run.state.histories if step.state.is_terminal)
                assert sum(terminal.values()) == 1, f"{shown}: {run.state.histories}"


@contextmanager
def histories(log: Log) -> Iterator[Histories]:
    """Read the events of a log from their beginning."""
    reader = log.reader((EXECUTION_EVENT,))
    try:
        yield Histories(reader)
    finally:
        reader.close()
