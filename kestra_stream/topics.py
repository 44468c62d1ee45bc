"""Every topic in one table: name, value type, partitions, how it is kept, who writes, who reads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.messages import DeadLetter, DeadLetterMark, KillRequest, LimiterInput, ServiceHeartbeat, WorkerJob, WorkerTalk
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.models.stored_state import EXECUTION_PARTS, SCOPE_PARTS, SERVICE_PARTS


class Cleanup(StrEnum):
    """How a topic is kept.

    DELETE by age once every group has read it, TAKEN until its readers have deleted it, however long that takes, LONG for the
    history, COMPACT by key, FOREVER by key without end.
    """

    DELETE = "delete"
    TAKEN = "taken"
    LONG = "long"
    COMPACT = "compact"
    FOREVER = "forever"


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """One row of the table. Two topics are the same when they are the same object.

    Attributes:
        key: what the key of a record is, in words.
        value: type of a record's value.
        partitions: default number of partitions.
        beside: of a changelog: the input topic whose partitions its own go with, number by number.
        parts: of a state topic, the types of its values: kind of the part (the text before the first `/` of its name) -> type.
    """

    name: str
    key: str
    value: Any
    cleanup: Cleanup
    written_by: str
    read_by: str
    partitions: int = 16
    beside: "Topic | None" = None
    parts: Mapping[str, Any] | None = None

    def adapter(self) -> TypeAdapter[Any]:
        """Return a validator and serializer for the value type (build once, keep)."""
        return TypeAdapter(self.value)


EXECUTION_INBOX = Topic(
    "execution_inbox", "execution id", ExecutionInput, Cleanup.DELETE, "webserver, scheduler, worker, executor, limiter", "executor"
)
EXECUTION_EVENT = Topic(
    "execution_event", "execution id", ExecutionEvent, Cleanup.LONG, "executor", "indexer, followers, flow triggers, limiter, streams"
)
EXECUTOR_STATE = Topic(
    "executor_state",
    "execution id + part",
    Any,
    Cleanup.COMPACT,
    "executor",
    "executor (restore)",
    beside=EXECUTION_INBOX,
    parts=EXECUTION_PARTS,
)
WORKER_JOB = Topic("worker_job", "job id", WorkerJob, Cleanup.TAKEN, "executor, scheduler", "workers, through the WorkQueue")
WORKER_TALK = Topic(
    "worker_talk", "worker, or `*` and the group", WorkerTalk, Cleanup.DELETE, "workers, through the WorkQueue", "workers", partitions=8
)
FLOW = Topic(
    "flow", "flow uid + revision + who", FlowSource, Cleanup.FOREVER, "webserver", "all (global table), indexer, limiter", partitions=1
)
LIMITER_INBOX = Topic("limiter_inbox", "scope", LimiterInput, Cleanup.DELETE, "executor, limiter", "limiter")
LIMITER_STATE = Topic(
    "limiter_state", "scope + part", Any, Cleanup.COMPACT, "limiter", "limiter (restore)", beside=LIMITER_INBOX, parts=SCOPE_PARTS
)
LOG = Topic("log", "execution id", LogEntry, Cleanup.DELETE, "worker, executor", "indexer, followers")
METRIC = Topic("metric", "execution id", MetricEntry, Cleanup.DELETE, "worker, executor", "indexer, followers")
KILL = Topic("kill", "execution id", KillRequest, Cleanup.DELETE, "executor", "every worker", partitions=1)
SERVICE = Topic("service", "service id", ServiceHeartbeat, Cleanup.COMPACT, "all", "executor (liveness), webserver", partitions=1)
LIVENESS_STATE = Topic(
    "liveness_state",
    "service id",
    Any,
    Cleanup.COMPACT,
    "executor",
    "executor (restore)",
    partitions=1,
    beside=SERVICE,
    parts=SERVICE_PARTS,
)
DEAD_LETTER = Topic("dead_letter", "source topic", DeadLetter, Cleanup.LONG, "runtime loop", "webserver, CLI", partitions=1)
DEAD_LETTER_MARK = Topic("dead_letter_mark", "letter id", DeadLetterMark, Cleanup.LONG, "CLI, webserver", "CLI, webserver", partitions=1)

TOPICS = (
    EXECUTION_INBOX,
    EXECUTION_EVENT,
    EXECUTOR_STATE,
    WORKER_JOB,
    WORKER_TALK,
    FLOW,
    LIMITER_INBOX,
    LIMITER_STATE,
    LOG,
    METRIC,
    KILL,
    SERVICE,
    LIVENESS_STATE,
    DEAD_LETTER,
    DEAD_LETTER_MARK,
)


def topic_of(name: str) -> Topic | None:
    """Find the topic of a record by the name that the record tells; that of a worker group's jobs is the one of all jobs."""
    return _BY_NAME.get(name) or (WORKER_JOB if name.startswith(f"{WORKER_JOB.name}.") else None)


_BY_NAME = {topic.name: topic for topic in TOPICS}


@cache
def job_topic(group: str | None) -> Topic:
    """Return the topic with the jobs of a worker group: the same object for the same group; None is for jobs without a group."""
    return WORKER_JOB if group is None else replace(WORKER_JOB, name=f"{WORKER_JOB.name}.{group}")


def is_job_topic(topic: Topic) -> bool:
    """Whether a topic has the jobs of one worker group: which groups there are is known from the first job or worker on."""
    return topic.name.startswith(f"{WORKER_JOB.name}.")
