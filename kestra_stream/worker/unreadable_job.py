"""A job that cannot be read: its record in, its dead letter out, and for whoever waits for the job a failure instead of silence."""

from collections.abc import Mapping
from datetime import datetime

import orjson

from kestra_stream.models.execution_input import LookedUp, LookupAnswer, TaskRunEnded
from kestra_stream.models.state import StateType
from kestra_stream.queue.interface import Outgoing, Record, Unreadable
from kestra_stream.queue.serde import to_bytes
from kestra_stream.runtime.dead_letters import Failure, letters_of
from kestra_stream.topics import EXECUTION_INBOX

COMPONENT = "worker"


def letters_of_unreadable(record: Record, value: Unreadable, now: datetime) -> list[Outgoing]:
    """Return the dead letter of a record that a worker cannot read."""
    return letters_of(record, Failure(COMPONENT, value.error), now, lambda found: to_bytes(found.value))


def ends_of_unreadable(value: Unreadable, worker_id: str, now: datetime) -> list[Outgoing]:
    """Return what tells the execution that its job comes to nothing, as far as the bytes say whose job it is."""
    try:
        job = orjson.loads(value.payload or b"")
    except ValueError:
        return []
    if not isinstance(job, dict) or not isinstance(job.get("execution_id"), str):
        return []
    error = f"the job cannot be read by worker {worker_id}: {value.error}"
    message = _end_of_run(job, worker_id, error, now) or _answers(job, error)
    return [] if message is None else [Outgoing(EXECUTION_INBOX, job["execution_id"], message)]


def _end_of_run(job: Mapping[str, object], worker_id: str, error: str, now: datetime) -> TaskRunEnded | None:
    run_id, epoch = job.get("task_run_id"), job.get("epoch")
    if not isinstance(run_id, str) or not isinstance(epoch, int):
        return None
    return TaskRunEnded(run_id, epoch, StateType.FAILED, now, now, error=error, worker_id=worker_id)


def _answers(job: Mapping[str, object], error: str) -> LookedUp | None:
    lookup_id, calls = job.get("lookup_id"), job.get("calls")
    if not isinstance(lookup_id, str) or not isinstance(calls, list):
        return None
    keys = [call.get("key") for call in calls if isinstance(call, dict)]
    return LookedUp(lookup_id, tuple(LookupAnswer(key, error=error) for key in keys if isinstance(key, str)))
