"""What lives beside the input partitions, part by part: the values of the state topics.

Of a live execution (EXECUTION_PARTS), by the kind of the part, the text before the first `/` of its name:
    ""                         the head: `StoredHead`
    run/ID                     a task run
    timer/ID                   a pending timer
    child/ID                   an open child execution -> (run, batch)
    answer/RUN/KEY             what a look-up found
    broken/RUN                 True for an open flowable that has failed by itself
    values/RUN/NUMBER          a chunk of the values of an open ForEach
    batches/RUN                batches of an open ForEachItem -> (how many in all, how many created)
    batch/RUN/NUMBER           the end of one batch of a ForEachItem -> (state, outputs)
    ended                      of one that was let go: when it had ended; so a `Create` that comes twice is known
    recall                     of one that was let go: commands that wait until its past has been read back from the log

Of a concurrency scope (SCOPE_PARTS): "" the limit, `revision` whose it is, `holder/ID` True, `line/NUMBER` who waits at that place.
Of a process (SERVICE_PARTS): "" its last heartbeat that told anything new.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_input import ExecutionInput, ParentLink
from kestra_stream.models.messages import ServiceHeartbeat
from kestra_stream.models.state import StateType


class Phase(StrEnum):
    """Where the life of an execution stands, beyond its state.

    WAITING for its inputs, date or slot; ALIVE; OUTPUTS must be rendered; AFTER its end tasks run; FINISHED.
    """

    WAITING = "waiting"
    ALIVE = "alive"
    OUTPUTS = "outputs"
    AFTER = "after"
    FINISHED = "finished"


class TimerKind(StrEnum):
    """Why the engine wants to be woken."""

    SCHEDULE = "schedule"
    RETRY = "retry"
    NEW_EXECUTION = "new_execution"
    PAUSE = "pause"
    PAUSE_TIMEOUT = "pause_timeout"
    LOOP = "loop"
    SLA = "sla"
    KILL_GRACE = "kill_grace"
    TIMEOUT = "timeout"
    GROUP = "group"


@dataclass(frozen=True, slots=True)
class Timer:
    """One wake-up; `subject` is the task run or the agreement it is about."""

    at: datetime
    kind: TimerKind
    subject: str


@dataclass(frozen=True, slots=True)
class StoredHead:
    """What is stored of an execution besides its parts."""

    execution: Execution
    phase: Phase
    sequence: int
    parent: ParentLink | None = None
    has_slot: bool = False
    end: StateType | None = None
    violated: tuple[str, ...] = ()
    provided_inputs: Mapping[str, object] | None = None
    log_lines: int = 0
    failure: Mapping[str, object] | None = None


EXECUTION_PARTS: Mapping[str, Any] = {
    "": StoredHead,
    "run": TaskRun,
    "timer": Timer,
    "child": tuple[str, int | None],
    "answer": tuple[Any, str | None],
    "broken": bool,
    "values": tuple[str, ...],
    "batches": tuple[int, int],
    "batch": tuple[StateType, Mapping[str, Any] | None],
    "ended": datetime,
    "recall": tuple[ExecutionInput, ...],
}
SCOPE_PARTS: Mapping[str, Any] = {"": int, "revision": int, "holder": bool, "line": str}
SERVICE_PARTS: Mapping[str, Any] = {"": ServiceHeartbeat}
