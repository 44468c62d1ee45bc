"""One attempt of one task: (task, context) -> state, outputs, error. Whatever a plugin does costs this attempt only."""

import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from kestra_stream.errors import Invalid, KestraError
from kestra_stream.models.records import Level
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import Outcome, Outputs, RunnableTask, Stopped, TaskFailed
from kestra_stream.plugin.context.control import Control, StopReason
from kestra_stream.plugin.context.run_context import AttemptContext
from kestra_stream.worker.outputs import as_data
from kestra_stream.worker.pool.interrupt import Interruptible

_TRACEBACK = 16 * 1024


class Watch(Protocol):
    """Stops what takes too long."""

    def guard(self, control: Control, interruptible: Interruptible, timeout: float | None) -> AbstractContextManager[None]:
        """Inside the block: stop the attempt after `timeout` seconds, and interrupt it when it does not end after a stop."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """How an attempt ended: a terminal state, outputs as plain data, and the message of the failure."""

    state: StateType
    outputs: Mapping[str, object] | None = None
    error: str | None = None


def run_attempt(task: Task, context: AttemptContext, watch: Watch, work: Callable[[], Outputs | Outcome] | None = None) -> Result:
    """Run the task (or `work` in its place) under its timeout; never raises."""
    try:
        timeout: timedelta | None = context.render(task.timeout)
        run = work or (lambda: _run(task, context))
        interruptible = Interruptible()
        with watch.guard(context.control, interruptible, timeout.total_seconds() if timeout is not None else None):
            if context.control.is_stopped:
                raise Stopped  # noqa: TRY301 - killed before it began
            result = interruptible.run(lambda: _succeeded(run()))
    except BaseException as problem:  # noqa: BLE001 - the border of an attempt: a plugin may raise anything, SystemExit included
        result = _failed(problem, context)
    if context.control.reason is not None:
        return _stopped(context.control, result, context)
    if result.error is not None:
        context.logger.error(result.error)
    return result


def _run(task: Task, context: AttemptContext) -> Outputs | Outcome:
    if not isinstance(task, RunnableTask):
        raise Invalid(f"a task of type {task.type} is not run by a worker")
    return task.run(context)


def _succeeded(returned: object) -> Result:
    if isinstance(returned, Outcome):
        error = with_message(returned.error) if returned.state is StateType.FAILED else returned.error
        return Result(returned.state, as_data(returned.outputs), error)
    return Result(StateType.SUCCESS, as_data(returned))


def with_message(error: str | None) -> str:
    """A failure always has a message."""
    return error or "Task failure"


def _failed(problem: BaseException, context: AttemptContext) -> Result:
    match problem:
        case TaskFailed():
            return Result(StateType.FAILED, _kept(problem.outputs, context), with_message(str(problem)))
        case Stopped():
            return Result(StateType.KILLED)
        case KestraError():
            return Result(StateType.FAILED, error=str(problem) or type(problem).__name__)
        case MemoryError():
            return Result(StateType.FAILED, error="The task ran out of memory")
        case _:
            return _crashed(problem, context)


def _crashed(problem: BaseException, context: AttemptContext) -> Result:
    """The task's own code is broken: its traceback goes to the log."""
    text = str(problem)
    lines = "".join(traceback.format_exception(problem, limit=-12))
    context.logger.log(Level.DEBUG, lines[-_TRACEBACK:])
    return Result(StateType.FAILED, error=f"{type(problem).__name__}: {text}" if text else type(problem).__name__)


def _kept(outputs: Outputs, context: AttemptContext) -> Mapping[str, object]:
    """Outputs of a failure; those that cannot be kept are told in the log."""
    try:
        return as_data(outputs) or {}
    except Invalid as error:
        context.logger.log(Level.ERROR, str(error))
        return {}


def _stopped(control: Control, result: Result, context: AttemptContext) -> Result:
    """An attempt that was stopped ends by the reason of the stop, whatever it made of it; outputs are kept."""
    if control.reason is StopReason.TIMED_OUT:
        message = f"Timeout after {control.detail}"
        context.logger.error(message)
        return Result(StateType.FAILED, result.outputs, message)
    return Result(StateType.KILLED, result.outputs)
