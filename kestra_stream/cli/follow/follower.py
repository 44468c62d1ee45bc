"""Follower: events and log lines in, what is known of a family of executions so far out."""

from collections.abc import Iterable, Iterator, Sequence

from kestra_stream.cli.follow.crowd import Crowd
from kestra_stream.cli.follow.family import Family, Message
from kestra_stream.cli.follow.followed import Followed
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import Level, LogEntry, MetricEntry
from kestra_stream.models.state import S
from kestra_stream.queue.interface import Log, Record, Start
from kestra_stream.topics import EXECUTION_EVENT, LOG, METRIC

_LONGEST_REASON = 300
_MOST = 2_000
_PATIENT_POLLS = 10


class Follower:
    """Follows executions and all that they call, from the moment when it is made; all that there are, until it is told which.

    Args:
        keeps: whether log lines and metrics are kept.

    Attributes:
        executions: what is known, by execution id.
        calls: the executions that a task run has called, by the id of the run; an event of theirs may come before the caller's.
        reasons: the last ERROR line of each task run (or, by its id, of an execution).
        lines, metrics: what was kept, by execution id and id.
    """

    def __init__(self, log: Log, *, keeps: bool = False) -> None:
        self._keeps = keeps
        self._reader = log.reader((EXECUTION_EVENT, LOG, METRIC) if keeps else (EXECUTION_EVENT, LOG), Start.NEWEST)
        self._family: Family | None = None
        self.executions: dict[str, Followed] = {}
        self.calls: dict[str, Crowd[str]] = {}
        self.reasons: dict[str, str] = {}
        self.lines: dict[str, dict[str, LogEntry]] = {}
        self.metrics: dict[str, dict[str, MetricEntry]] = {}
        self._successors: dict[str, str] = {}
        self._awaited: dict[str, None] = {}
        self._waiting: dict[str, None] = {}
        self._paused: dict[str, None] = {}
        self._overtaken: dict[str, None] = {}
        self._early: list[tuple[int, LogEntry]] = []
        self._polls = 0

    def follow(self, execution_id: str) -> None:
        """Follow this execution, and from now on only those that were named."""
        self._family = self._family or Family()
        self._take_all(self._family.follow(execution_id))

    def begin_with(self, messages: Iterable[Message]) -> None:
        """Take in what happened before."""
        self._take_all(messages)

    def poll(self, timeout: float) -> list[LogEntry]:
        """Take in what has happened; return the new log lines.

        A line may come before the event of its task run, which names the value of its loop: it waits for some polls.
        """
        self._polls += 1
        came = [(self._polls, line) for line in self._sifted(self._reader.poll(_MOST, timeout))]
        early, self._early, lines = [*self._early, *came], [], []
        for since, line in early:
            if since > self._polls - _PATIENT_POLLS and not self._is_known(line):
                self._early.append((since, line))
            else:
                lines.append(line)
        return lines

    def catch_up(self) -> list[LogEntry]:
        """Take in all that has happened until now; return the new log lines."""
        early, self._early = self._early, []
        lines = [line for _, line in early]
        return [*lines, *(line for records in self._reader.catch_up() for line in self._sifted(records))]

    def _is_known(self, line: LogEntry) -> bool:
        """Whether the task run that has written a line has been told of."""
        known = self.executions.get(line.execution_id)
        return line.task_run_id is None or (known is not None and line.task_run_id in known.runs)

    def _sifted(self, records: Sequence[Record]) -> list[LogEntry]:
        messages = [record.value for record in records if isinstance(record.value, ExecutionEvent | LogEntry | MetricEntry)]
        if self._family is None:
            return self._take_all(messages)
        return self._take_all(message for told in messages for message in self._family.sift(told))

    def _take_all(self, messages: Iterable[Message]) -> list[LogEntry]:
        lines: list[LogEntry] = []
        for message in messages:
            if isinstance(message, ExecutionEvent):
                self._take(message)
            elif isinstance(message, LogEntry):
                lines.append(message)
                self._take_line(message)
            elif self._keeps:
                self.metrics.setdefault(message.execution_id, {}).setdefault(message.id, message)
        return lines

    def _take_line(self, line: LogEntry) -> None:
        if line.level is Level.ERROR:
            self.reasons[line.task_run_id or line.execution_id] = line.message[:_LONGEST_REASON]
        if self._keeps:
            self.lines.setdefault(line.execution_id, {}).setdefault(line.id, line)

    def _take(self, event: ExecutionEvent) -> None:
        known = self.executions.get(event.execution_id)
        if known is None:
            if event.execution is None:
                return
            known = self.executions[event.execution_id] = Followed(event.execution)
            self._succeed(known)
        known.take(event)
        if event.execution is not None:
            self.calls.setdefault(calling_run(known), Crowd()).put(known.head.id, known.head.state.current)
        _mark(self._waiting, event.execution_id, on=not known.finished)
        _mark(self._overtaken, event.execution_id, on=known.finished and any(known.working_runs()))
        retried = known.finished and known.head.state.current is S.RETRIED
        _mark(self._awaited, event.execution_id, on=retried and event.execution_id not in self._successors)
        _mark(self._paused, event.execution_id, on=not known.finished and _waits(known))

    def _succeed(self, known: Followed) -> None:
        """Note the execution that a new one was created in place of."""
        before = known.head.parent_id
        if before is not None:
            self._successors[before] = known.head.id
            _mark(self._awaited, before, on=False)

    def last_of(self, execution_id: str) -> str:
        """Return the execution that stands at the end of a line of retried ones."""
        while execution_id in self._successors:
            execution_id = self._successors[execution_id]
        return execution_id

    def count_before(self, execution_id: str) -> int:
        """Count the retried executions in whose place this one was created."""
        before, count = self.executions.get(execution_id), 0
        while before is not None and before.head.parent_id is not None:
            count += 1
            before = self.executions.get(before.head.parent_id)
        return count

    def is_done(self, execution_id: str) -> bool:
        """Whether the execution, and every other that was seen, has finished, and none is to be created in place of a retried one."""
        known = self.executions.get(execution_id)
        return known is not None and known.finished and not self._waiting and not self._awaited

    def has_late_runs(self) -> bool:
        """Whether an execution has ended before work that it does not wait for, as beside a failure in a Parallel."""
        return bool(self._overtaken)

    def open_executions(self) -> list[str]:
        """Ids of the executions that have not finished."""
        return list(self._waiting)

    def paused(self) -> Iterator[Followed]:
        """Executions that wait for somebody."""
        for execution_id in tuple(self._paused):
            yield self.executions[execution_id]

    def works(self) -> bool:
        """Whether something is under way that ends by itself."""
        return any(self._works(run) for execution_id in self._waiting for run in self.executions[execution_id].working_runs())

    def _works(self, run: TaskRun) -> bool:
        calls = self.calls.get(run.id)
        return calls is None or not calls.open

    def close(self) -> None:
        """Stop."""
        self._reader.close()


def calling_run(known: Followed) -> str:
    """Return the id of the task run that called an execution; an empty text for one that a person started."""
    variables = known.head.trigger.variables if known.head.trigger is not None else {}
    return str(variables.get("taskRunId", ""))


def _waits(known: Followed) -> bool:
    """Whether an execution waits for somebody, in `afterExecution` too: then it has its last state already."""
    state = known.head.state.current
    return state is S.PAUSED or (state.is_terminal and any(known.paused_runs()))


def _mark(names: dict[str, None], name: str, *, on: bool) -> None:
    if on:
        names[name] = None
    else:
        names.pop(name, None)
