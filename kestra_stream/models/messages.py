"""What else travels on topics and is no entity: jobs, kills, limiter requests, heartbeats, dead letters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import Base64Bytes

from kestra_stream.models.retry import Retry
from kestra_stream.models.state import StateType


@dataclass(frozen=True, slots=True)
class TaskJob:
    """One attempt of one task run, for a worker.

    The task itself is found in the flow table by namespace, flow, revision and task id.

    Attributes:
        epoch: number of this dispatch; every answer carries it.
        attempt: 0-based number of the attempt.
        variables: what the task's expressions name, and nothing else (`outputs`, `inputs`, `vars`, ... pruned).
        created_at: when the run began to exist, for `taskrun.startDate`.
        sequence: number of the execution's event that tells of this dispatch; a kill covers what was dispatched before it.
        retry: what children that the worker runs itself inherit (WorkingDirectory).
    """

    execution_id: str
    namespace: str
    flow_id: str
    flow_revision: int
    task_id: str
    task_run_id: str
    epoch: int
    attempt: int
    created_at: datetime
    value: str | None = None
    iteration: int | None = None
    parent_id: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    worker_group: str | None = None
    tenant_id: str = "main"
    sequence: int = 0
    retry: Retry | None = None
    kind: Literal["task"] = "task"


@dataclass(frozen=True, slots=True)
class LookupCall:
    """One call of a function that needs IO; `key` names its answer. Arguments that may hold a secret travel `sealed`, as JSON of both."""

    key: str
    function: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    sealed: str | None = None


@dataclass(frozen=True, slots=True)
class LookupJob:
    """Calls of `kv()`, `secret()`, `read()`, ... that a flowable's expression needs; the answer is a `LookedUp`."""

    execution_id: str
    namespace: str
    flow_id: str
    flow_revision: int
    lookup_id: str
    calls: tuple[LookupCall, ...]
    worker_group: str | None = None
    tenant_id: str = "main"
    kind: Literal["lookup"] = "lookup"


WorkerJob = TaskJob | LookupJob


@dataclass(frozen=True, slots=True)
class KillRequest:
    """Told to every worker: stop what you run of this execution, and do not start what comes of it up to these epochs.

    Attributes:
        task_run_id: only this run when given.
        epoch: only dispatches up to this one.
        before: only dispatches whose `sequence` is lower; what a restart or afterExecution dispatches later is not meant.
    """

    execution_id: str
    task_run_id: str | None = None
    epoch: int | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class AcquireSlot:
    """Ask a scope for a slot; `limit` and `on_full` are those of `revision`, the flow's newest as far as the asker knows."""

    scope: str
    execution_id: str
    limit: int
    on_full: StateType
    revision: int = 0
    kind: Literal["acquire"] = "acquire"


@dataclass(frozen=True, slots=True)
class ReleaseSlot:
    """Give a slot, or a place in the line, back; does nothing when there is none."""

    scope: str
    execution_id: str
    kind: Literal["release"] = "release"


@dataclass(frozen=True, slots=True)
class ChangeLimit:
    """The flow's limit is another since `revision` (None: there is none); whoever fits is admitted."""

    scope: str
    limit: int | None
    revision: int = 0
    kind: Literal["change_limit"] = "change_limit"


LimiterInput = AcquireSlot | ReleaseSlot | ChangeLimit


@dataclass(frozen=True, slots=True)
class JobsWait:
    """Jobs wait at `owner`, who has no free slot: whoever has one may bid."""

    owner: str
    kind: Literal["jobs_wait"] = "jobs_wait"


@dataclass(frozen=True, slots=True)
class WhoHasJobs:
    """A worker with free slots asks all others of its group whether jobs wait."""

    worker: str
    kind: Literal["who_has_jobs"] = "who_has_jobs"


@dataclass(frozen=True, slots=True)
class Bid:
    """A worker takes up to so many jobs.

    Attributes:
        at: moment of the worker's own clock; it comes back with each job, whose lease counts from here.
    """

    worker: str
    slots: int
    at: float | None = None
    kind: Literal["bid"] = "bid"


@dataclass(frozen=True, slots=True)
class HandOver:
    """One job for another worker to run; until that one answers, the owner of its partition keeps it.

    Attributes:
        number: the owner's number of this lease.
        deliveries: how often the job was handed out, this time included.
        timestamp: when the log took the job, in milliseconds.
        payload, key, headers: the job, byte for byte as it lies on the topic.
        bid_at: moment of the bid that it answers, by the clock of the one who bid.
    """

    owner: str
    number: int
    partition: int
    offset: int
    deliveries: int
    timestamp: int
    payload: Base64Bytes | None
    key: Base64Bytes | None
    headers: tuple[tuple[str, Base64Bytes | None], ...] = ()
    bid_at: float | None = None
    kind: Literal["hand_over"] = "hand_over"


@dataclass(frozen=True, slots=True)
class NoMoreJobs:
    """The rest of a bid is not needed."""

    owner: str
    kind: Literal["no_more_jobs"] = "no_more_jobs"


@dataclass(frozen=True, slots=True)
class JobsAnswered:
    """What became of jobs that were handed over, by the owner's numbers.

    Attributes:
        accepted: they are run.
        released: they were taken, and given back.
        untouched: nobody had a slot for them after all.
    """

    worker: str
    accepted: tuple[int, ...] = ()
    released: tuple[int, ...] = ()
    untouched: tuple[int, ...] = ()
    kind: Literal["jobs_answered"] = "jobs_answered"


WorkerTalk = JobsWait | WhoHasJobs | Bid | HandOver | NoMoreJobs | JobsAnswered


class ServiceState(StrEnum):
    """Life of a process's component."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


@dataclass(frozen=True, slots=True)
class ServiceHeartbeat:
    """A component says that it lives; workers name the dispatches they hold as `task run id:epoch`, and the group they belong to."""

    service_id: str
    service_type: str
    state: ServiceState
    at: datetime
    held: tuple[tuple[str, str, int], ...] = ()
    worker_group: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be read or processed, byte for byte, with where it came from and why.

    A record too large for one letter lies in several: each has a piece of the `content`, and neither key bytes, payload nor headers.

    Attributes:
        key: the key as text, cut when it is long; None when the record has none.
        payload: its value; None for a tombstone.
        error: what is wrong, for a person.
        at: when it was given up.
        key_bytes: the key, where `key` is not all of it.
        timestamp: when the log took the record.
        component: group of the processor that gave it up.
        edition: how often a person has edited it.
        rekeyed: a person has given it another key, so it belongs where that one does.
        pieces: how many letters hold the record; 0 when it could not be kept.
        content: JSON of {"key", "payload", "headers"}, bytes as base64; all pieces together.
    """

    topic: str
    partition: int
    offset: int
    key: str | None
    payload: Base64Bytes | None
    error: str
    at: datetime
    key_bytes: Base64Bytes | None = None
    headers: tuple[tuple[str, Base64Bytes | None], ...] = ()
    timestamp: datetime | None = None
    component: str = ""
    error_type: str = ""
    traceback: str = ""
    edition: int = 0
    rekeyed: bool = False
    piece: int = 0
    pieces: int = 1
    content: str = ""


class LetterState(StrEnum):
    """What has become of a dead letter."""

    OPEN = "OPEN"
    REDRIVEN = "REDRIVEN"
    DISCARDED = "DISCARDED"


@dataclass(frozen=True, slots=True)
class DeadLetterMark:
    """What has become of a dead letter; written in the transaction that puts the record back."""

    letter: str
    state: LetterState
    at: datetime
