"""Entities as documents: (execution, task runs, log line, metric) -> plain dicts with camelCase keys, ready for a JSON writer.

The shapes are those of the flow language: what a search answers, the command line prints and an index stores. Moments are ISO-8601 in
UTC with a `Z`; keys without a value are left out.
"""

import base64
import math
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from kestra_stream.models.duration import format_duration
from kestra_stream.models.execution import Attempt, Execution, ExecutionTrigger, TaskRun
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.models.state import State

Plain = Any
"""None, bool, int, float, str, or lists and string-keyed dicts of these."""
Document = dict[str, Plain]

_LARGEST = 2**64
_SMALLEST = -(2**63)
_LONGEST_DECIMAL = 4096


def execution_document(execution: Execution, task_runs: Iterable[TaskRun], now: datetime) -> Document:
    """Return an execution with its task runs; `now` ends the duration of what has only begun."""
    return _without_none(
        id=execution.id,
        tenantId=execution.tenant_id,
        namespace=execution.namespace,
        flowId=execution.flow_id,
        flowRevision=execution.flow_revision,
        taskRunList=[task_run_document(run, execution, now) for run in task_runs],
        inputs=to_plain(execution.inputs),
        outputs=to_plain(execution.outputs),
        labels=[{"key": label.key, "value": label.value} for label in execution.labels],
        variables=to_plain(execution.variables),
        state=state_document(execution.state, now),
        parentId=execution.parent_id,
        originalId=execution.original_id,
        trigger=_trigger_document(execution.trigger) if execution.trigger else None,
        deleted=execution.deleted,
        metadata=_without_none(attemptNumber=execution.attempt_number, originalCreatedDate=_moment(execution.original_created_date)),
        scheduleDate=_moment(execution.schedule_date),
        kind=execution.kind,
        breakpoints=list(execution.breakpoints) or None,
        error=execution.error,
    )


def task_run_document(run: TaskRun, execution: Execution, now: datetime) -> Document:
    """Return one task run, with the names of the execution that it belongs to."""
    return _without_none(
        id=run.id,
        tenantId=execution.tenant_id,
        executionId=execution.id,
        namespace=execution.namespace,
        flowId=execution.flow_id,
        taskId=run.task_id,
        parentTaskRunId=run.parent_id,
        value=run.value,
        attempts=[_attempt_document(attempt, now) for attempt in run.attempts] or None,
        outputs=to_plain(run.outputs),
        state=state_document(run.state, now),
        iteration=run.iteration,
        dynamic=run.dynamic or None,
    )


def state_document(state: State, now: datetime) -> Document:
    """Return a state with its history; the duration goes from the first transition to the last, or to `now` while there is one only."""
    histories = state.histories
    start = histories[0].date
    until = histories[-1].date if len(histories) > 1 else now
    return _without_none(
        current=state.current.value,
        histories=[{"state": line.state.value, "date": _moment(line.date)} for line in histories],
        duration=format_duration(until - start),
        startDate=_moment(start),
        endDate=_moment(state.end_date),
    )


def log_document(entry: LogEntry) -> Document:
    """Return one log line."""
    return _without_none(
        tenantId=entry.tenant_id,
        namespace=entry.namespace,
        flowId=entry.flow_id,
        taskId=entry.task_id,
        executionId=entry.execution_id,
        taskRunId=entry.task_run_id,
        attemptNumber=entry.attempt_number,
        triggerId=entry.trigger_id,
        timestamp=_moment(entry.timestamp),
        level=entry.level.value,
        thread=entry.thread,
        message=to_plain(entry.message),
    )


def metric_document(entry: MetricEntry) -> Document:
    """Return one value that a task run measured; timers are in seconds."""
    return _without_none(
        tenantId=entry.tenant_id,
        namespace=entry.namespace,
        flowId=entry.flow_id,
        taskId=entry.task_id,
        executionId=entry.execution_id,
        taskRunId=entry.task_run_id,
        type=entry.type.value,
        name=entry.name,
        value=to_plain(entry.value),
        timestamp=_moment(entry.timestamp),
        tags=dict(entry.tags),
    )


def to_plain(value: object) -> Plain:
    """Return any value as JSON can hold it: ISO dates and durations, base64 for bytes, models under the names that flows use.

    What JSON has no number for becomes None (NaN, infinity) or text (whole numbers beyond 64 bits).

    Raises:
        RecursionError: the value is nested too deeply, or contains itself.
    """
    match value:
        case None | bool():
            return value
        case Enum():
            return to_plain(value.value)
        case str():
            return value if value.isascii() else value.encode("utf-8", "replace").decode()
        case int():
            return value if _SMALLEST <= value < _LARGEST else _long(value)
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {key if type(key) is str else _key(key): to_plain(item) for key, item in value.items()}
        case list() | tuple():
            return [to_plain(item) for item in value]
        case _:
            return _special(value)


def _special(value: object) -> Plain:
    match value:
        case datetime() | date() | time():
            return value.isoformat().replace("+00:00", "Z")
        case timedelta():
            return format_duration(value)
        case Decimal():
            return _number(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case AbstractSet():
            return [to_plain(item) for item in value]
        case BaseModel():
            known = type(value).model_fields.items()
            return {field.serialization_alias or field.alias or name: to_plain(getattr(value, name)) for name, field in known}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return to_plain(str(value))


def _number(value: Decimal) -> Plain:
    if not value.is_finite():
        return None
    if value == value.to_integral_value():
        return int(value) if _SMALLEST <= value < _LARGEST else str(value)
    number = float(value)
    return number if math.isfinite(number) else str(value)


def _long(value: int) -> str:
    """Write a number of more than 64 bits; Python refuses to write very long ones in decimal."""
    return str(value) if value.bit_length() < _LONGEST_DECIMAL else hex(value)


def _key(key: object) -> str:
    match key:
        case None:
            return "null"
        case bool():
            return "true" if key else "false"
        case _:
            return str(to_plain(key))


def _trigger_document(trigger: ExecutionTrigger) -> Document:
    return _without_none(id=trigger.id, type=trigger.type, variables=to_plain(trigger.variables), logFile=trigger.log_file)


def _attempt_document(attempt: Attempt, now: datetime) -> Document:
    return _without_none(state=state_document(attempt.state, now), logFile=attempt.log_file)


def _moment(date: datetime | None) -> str | None:
    """Write a moment in UTC; one without a zone is taken for UTC."""
    if date is None:
        return None
    if date.tzinfo is not None and date.tzinfo is not UTC:
        date = date.astimezone(UTC)
    return f"{date.replace(tzinfo=None).isoformat()}Z"


def _without_none(**values: Plain) -> Document:
    return {key: value for key, value in values.items() if value is not None}
