"""Outbox: the commands of a batch of decisions in, one transaction out."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import assert_never

from kestra_stream.engine import commands as c
from kestra_stream.engine.step import Decision
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import ExecutionInput, NoWorker
from kestra_stream.models.messages import ReleaseSlot, TaskJob
from kestra_stream.models.state import S
from kestra_stream.queue.interface import ALL_PARTS, Outgoing, StateChange, Transaction
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX, KILL, LIMITER_INBOX, LOG, WORKER_JOB

HasWorker = Callable[[str], bool]


def always(group: str) -> bool:
    """All groups count as served, where nobody knows better."""
    del group
    return True


class Outbox:
    """Collects what a batch sends and stores.

    Args:
        has_worker: whether a worker of a group lives.

    Attributes:
        timers: (execution id, timer id) -> moment, or None to cancel, in the order asked for.
    """

    def __init__(self, has_worker: HasWorker) -> None:
        self._has_worker = has_worker
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
            case c.Offer():
                self._offer(command)
            case c.AskWorkers():
                self._ask_workers(command)
            case c.Tell(execution_id=receiver, input=message):
                self.tell(receiver, message)
            case c.WriteLog(entry=entry):
                self._records.append(Outgoing(LOG, entry.execution_id, entry))
            case c.SetTimer() | c.CancelTimer():
                at = command.at if isinstance(command, c.SetTimer) else None
                self.timers.append(((execution_id, command.timer_id), at))
            case c.StopJobs(request=request):
                self._records.append(Outgoing(KILL, request.execution_id, request))
            case c.AskLimiter(request=request):
                self._records.append(Outgoing(LIMITER_INBOX, request.scope, request))
            case c.Forget():
                self._forgotten.add(execution_id)
            case _:
                assert_never(command)

    def _offer(self, offer: c.Offer) -> None:
        """Send a job to its group; where no worker of it lives and its fallback is not to wait, its run is told instead."""
        job = offer.job
        if not isinstance(job, TaskJob):
            self._records.append(Outgoing(WORKER_JOB, job.execution_id, job))
        elif offer.fallback == "WAIT" or job.worker_group is None or self._has_worker(job.worker_group):
            self._records.append(Outgoing(WORKER_JOB, job.task_run_id, job))
        else:
            self.tell(job.execution_id, _refusal(job.task_run_id, job.epoch, job.worker_group, offer.fallback))

    def _ask_workers(self, asked: c.AskWorkers) -> None:
        """Tell a run that waits for a group whose last worker has gone since the job was sent."""
        if not self._has_worker(asked.group):
            self.tell(asked.execution_id, _refusal(asked.task_run_id, asked.epoch, asked.group, asked.fallback))

    def tell(self, execution_id: str, message: ExecutionInput) -> None:
        """Send an input to an execution."""
        self._records.append(Outgoing(EXECUTION_INBOX, execution_id, message))

    def give_back(self, execution_id: str, scope: str) -> None:
        """Give a slot back that an execution was given after its end."""
        self._records.append(Outgoing(LIMITER_INBOX, scope, ReleaseSlot(scope, execution_id)))

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


def _refusal(task_run_id: str, epoch: int, group: str, fallback: c.Fallback) -> NoWorker:
    error = f"worker group `{group}` has no worker, and its fallback is {fallback}"
    return NoWorker(task_run_id, epoch, S.CANCELLED if fallback == "CANCEL" else S.FAILED, error)
