"""The closed union of what the engine can ask for. The executor turns each into records of one transaction."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.messages import KillRequest, LimiterInput, WorkerJob
from kestra_stream.models.records import LogEntry

Fallback = Literal["WAIT", "FAIL", "CANCEL"]


@dataclass(frozen=True, slots=True)
class Offer:
    """Offer a job (a task run's attempt, or a look-up) to the workers; `fallback` is what happens when none of its group lives."""

    job: WorkerJob
    fallback: Fallback = "WAIT"


@dataclass(frozen=True, slots=True)
class AskWorkers:
    """Tell a dispatch that waits that it goes to nobody, if no worker of its group lives any more."""

    execution_id: str
    task_run_id: str
    epoch: int
    group: str
    fallback: Fallback


@dataclass(frozen=True, slots=True)
class Tell:
    """Append an input for an execution: this one, a child or a parent."""

    execution_id: str
    input: ExecutionInput


@dataclass(frozen=True, slots=True)
class StopJobs:
    """Tell every worker to stop what it runs of an execution."""

    request: KillRequest


@dataclass(frozen=True, slots=True)
class AskLimiter:
    """Ask a scope for a slot, or give it back."""

    request: LimiterInput


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish what changed."""

    event: ExecutionEvent


@dataclass(frozen=True, slots=True)
class WriteLog:
    """Write a log line."""

    entry: LogEntry


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Wake this execution with a `TimerFired` at a moment; replaces a timer of the same id."""

    timer_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget a timer."""

    timer_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing can happen to this execution any more: drop its live state."""


Command = Offer | AskWorkers | Tell | StopJobs | AskLimiter | Publish | WriteLog | SetTimer | CancelTimer | Forget
