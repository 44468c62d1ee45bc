"""Documents: executions, task runs, log lines and metrics as the plain camelCase data that people and programs read."""

from collections.abc import Iterable, Mapping, Set
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from kestra_stream.models.duration import format_duration
from kestra_stream.models.execution import Attempt, Execution, TaskRun
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.models.state import State


def execution_document(execution: Execution, task_runs: Iterable[TaskRun], now: datetime) -> dict[str, Any]:
    """Return an execution with its task runs."""
    metadata: dict[str, Any] = {"attemptNumber": execution.attempt_number}
    if execution.original_created_date is not None:
        metadata["originalCreatedDate"] = date_text(execution.original_created_date)
    document = {
        "id": execution.id,
        "tenantId": execution.tenant_id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "flowRevision": execution.flow_revision,
        "state": state_document(execution.state, now),
        "inputs": to_plain(execution.inputs),
        "outputs": None if execution.outputs is None else to_plain(execution.outputs),
        "labels": [{"key": label.key, "value": label.value} for label in execution.labels],
        "variables": to_plain(execution.variables),
        "taskRunList": [task_run_document(run, execution, now) for run in task_runs],
        "trigger": _trigger(execution),
        "parentId": execution.parent_id,
        "originalId": execution.original_id,
        "scheduleDate": None if execution.schedule_date is None else date_text(execution.schedule_date),
        "metadata": metadata,
        "deleted": execution.deleted,
        "kind": execution.kind,
        "breakpoints": list(execution.breakpoints) or None,
        "error": execution.error,
    }
    return {key: value for key, value in document.items() if value is not None}


def _trigger(execution: Execution) -> dict[str, Any] | None:
    trigger = execution.trigger
    if trigger is None:
        return None
    document = {"id": trigger.id, "type": trigger.type, "variables": to_plain(trigger.variables), "logFile": trigger.log_file}
    return {key: value for key, value in document.items() if value is not None}


def task_run_document(run: TaskRun, execution: Execution, now: datetime) -> dict[str, Any]:
    """Return a task run."""
    document = {
        "id": run.id,
        "executionId": execution.id,
        "namespace": execution.namespace,
        "flowId": execution.flow_id,
        "taskId": run.task_id,
        "parentTaskRunId": run.parent_id,
        "value": run.value,
        "iteration": run.iteration,
        "attempts": [_attempt(attempt, now) for attempt in run.attempts] or None,
        "outputs": to_plain(run.outputs) if run.outputs is not None else None,
        "state": state_document(run.state, now),
        "dynamic": run.dynamic or None,
    }
    return {key: value for key, value in document.items() if value is not None}


def _attempt(attempt: Attempt, now: datetime) -> dict[str, Any]:
    document: dict[str, Any] = {"state": state_document(attempt.state, now)}
    return document if attempt.log_file is None else {**document, "logFile": attempt.log_file}


def state_document(state: State, now: datetime) -> dict[str, Any]:
    """Return a state with its history; the duration runs on until a second line is there."""
    last = state.histories[-1].date if len(state.histories) > 1 else now
    document = {
        "current": state.current.value,
        "histories": [{"state": one.state.value, "date": date_text(one.date)} for one in state.histories],
        "duration": format_duration(max(last - state.start_date, timedelta())),
        "startDate": date_text(state.start_date),
    }
    end = state.end_date
    return document if end is None else {**document, "endDate": date_text(end)}


def log_document(entry: LogEntry) -> dict[str, Any]:
    """Return a log line."""
    document = {
        "tenantId": entry.tenant_id,
        "namespace": entry.namespace,
        "flowId": entry.flow_id,
        "taskId": entry.task_id,
        "executionId": entry.execution_id,
        "taskRunId": entry.task_run_id,
        "attemptNumber": entry.attempt_number,
        "triggerId": entry.trigger_id,
        "timestamp": date_text(entry.timestamp),
        "level": entry.level.value,
        "thread": entry.thread,
        "message": entry.message,
    }
    return {key: value for key, value in document.items() if value is not None}


def metric_document(entry: MetricEntry) -> dict[str, Any]:
    """Return a metric; a timer's value is in seconds."""
    return {
        "tenantId": entry.tenant_id,
        "namespace": entry.namespace,
        "flowId": entry.flow_id,
        "taskId": entry.task_id,
        "executionId": entry.execution_id,
        "taskRunId": entry.task_run_id,
        "type": entry.type.value,
        "name": entry.name,
        "value": entry.value,
        "tags": dict(entry.tags),
        "timestamp": date_text(entry.timestamp),
    }


def date_text(moment: datetime) -> str:
    """Write an instant in UTC with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_plain(value: Any) -> Any:
    """Return a value as JSON knows it."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | Set):
        return [to_plain(item) for item in value]
    if isinstance(value, datetime):
        return date_text(value) if value.tzinfo is not None else value.isoformat()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return format_duration(value)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
