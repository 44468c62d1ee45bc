"""Outbox: the commands of a batch of decisions in, one transaction out."""

from collections.abc import Mapping
from datetime import datetime
from typing import assert_never

from kestra_stream.engine import commands as c
from kestra_stream.engine.step import Decision
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.messages import TaskJob
from kestra_stream.queue.interface import ALL_PARTS, Outgoing, StateChange, Transaction
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX, KILL, LIMITER_INBOX, LOG, WORKER_JOB


class Outbox:
    """Collects what a batch sends and stores.

    Attributes:
        timers: (execution id, timer id) -> moment, or None to cancel, in the order asked for.
    """

    def __init__(self) -> None:
        self._records: list[Outgoing] = []
        self._state: list[StateChange] = []
        self._forgotten: set[str] = set()
        self.timers: list[tuple[tuple[str, str], datetime | None]] = []

    def add(self, execution_id: str, decision: Decision, parts: Mapping[str, object]) -> None:
        """Take over a decision; `parts` is its stored form."""
        self._forgotten.discard(execution_id)
        for command in decision.commands:
            self._take(execution_id, command)
        if execution_id in self._forgotten:
            self._state.append(StateChange(execution_id, ALL_PARTS, None))
        else:
            self._state.extend([StateChange(execution_id, part, value) for part, value in parts.items()])

    def _take(self, execution_id: str, command: c.Command) -> None:
        match command:
            case c.Publish(event=event):
                self.publish(event)
            case c.Offer(job=job):
                key = job.task_run_id if isinstance(job, TaskJob) else job.execution_id
                self._records.append(Outgoing(WORKER_JOB, key, job))
            case c.Tell(execution_id=receiver, input=message):
                self.tell(receiver, message)
            case c.WriteLog(entry=entry):
                self._records.append(Outgoing(LOG, entry.execution_id, entry))
            case c.SetTimer(timer_id=timer_id, at=at):
                self.timers.append(((execution_id, timer_id), at))
            case c.CancelTimer(timer_id=timer_id):
                self.timers.append(((execution_id, timer_id), None))
            case c.StopJobs(request=request):
                self._records.append(Outgoing(KILL, request.execution_id, request))
            case c.AskLimiter(request=request):
                self._records.append(Outgoing(LIMITER_INBOX, request.scope, request))
            case c.Forget():
                self._forgotten.add(execution_id)
            case _:
                assert_never(command)

    def tell(self, execution_id: str, message: ExecutionInput) -> None:
        """Send an input to an execution."""
        self._records.append(Outgoing(EXECUTION_INBOX, execution_id, message))

    def keep(self, change: StateChange) -> None:
        """Change what is stored."""
        self._state.append(change)

    def publish(self, event: ExecutionEvent) -> None:
        """Send an event."""
        self._records.append(Outgoing(EXECUTION_EVENT, event.execution_id, event))

    def forgets(self, execution_id: str) -> bool:
        """Whether the last decision for the execution let it go."""
        return execution_id in self._forgotten

    def transaction(self) -> Transaction:
        """Return all that was collected."""
        return Transaction(self._records, self._state)
