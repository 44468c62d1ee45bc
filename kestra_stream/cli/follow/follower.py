"""Follower: events and log lines in, what is known of a family of executions so far out."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.records import LogEntry
from kestra_stream.models.state import S
from kestra_stream.queue.interface import EPHEMERAL, Log
from kestra_stream.topics import EXECUTION_EVENT, LOG


@dataclass(slots=True)
class Followed:
    """One execution as far as it has been told."""

    head: Execution
    runs: dict[str, TaskRun] = field(default_factory=dict)
    children: dict[str | None, list[str]] = field(default_factory=dict)
    ended: dict[str | None, int] = field(default_factory=dict)
    sequence: int = 0
    finished: bool = False

    def take(self, event: ExecutionEvent) -> None:
        """Fold an event in; its cost is that of what changed."""
        self.head = event.execution or self.head
        self.sequence = max(self.sequence, event.sequence)
        self.finished = self.finished or event.finished
        for run in event.task_runs:
            before = self.runs.get(run.id)
            if before is None:
                self.children.setdefault(run.parent_id, []).append(run.id)
            was_ended = before is not None and before.state.is_terminal
            if run.state.is_terminal != was_ended:
                self.ended[run.parent_id] = self.ended.get(run.parent_id, 0) + (1 if run.state.is_terminal else -1)
            self.runs[run.id] = run
        for run_id in event.removed:
            gone = self.runs.pop(run_id, None)
            if gone is not None:
                self.children[gone.parent_id].remove(run_id)
                self.ended[gone.parent_id] = self.ended.get(gone.parent_id, 0) - gone.state.is_terminal


class Follower:
    """Follows one execution and all that it calls."""

    def __init__(self, log: Log) -> None:
        self._consumer = log.consumer(f"{EPHEMERAL}follower", (EXECUTION_EVENT, LOG))
        self.executions: dict[str, Followed] = {}
        self._waiting: dict[str, None] = {}

    def poll(self, timeout: float) -> list[LogEntry]:
        """Take in what has happened; return the new log lines."""
        lines: list[LogEntry] = []
        for record in self._consumer.poll(2000, timeout):
            if record.topic == LOG.name:
                lines.append(record.value)
            else:
                self._take(record.value)
        return lines

    def _take(self, event: ExecutionEvent) -> None:
        known = self.executions.get(event.execution_id)
        if known is None:
            if event.execution is None:
                return
            known = self.executions[event.execution_id] = Followed(event.execution)
        known.take(event)
        if known.finished:
            self._waiting.pop(event.execution_id, None)
        else:
            self._waiting[event.execution_id] = None

    def is_done(self, execution_id: str) -> bool:
        """Whether the execution, and every other that was seen, has finished."""
        known = self.executions.get(execution_id)
        return known is not None and known.finished and not self._waiting

    def paused(self) -> Iterator[Followed]:
        """Executions that wait for somebody."""
        for execution_id in self._waiting:
            if self.executions[execution_id].head.state.current is S.PAUSED:
                yield self.executions[execution_id]

    def close(self) -> None:
        """Stop."""
        self._consumer.close()
