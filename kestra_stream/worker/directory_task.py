"""Runs a task with children in one directory (WorkingDirectory): one child after the other, each told to the executor as it goes."""

import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from kestra_stream.errors import KestraError
from kestra_stream.models.behaviour import Tasks
from kestra_stream.models.execution import Attempt, TaskRun
from kestra_stream.models.execution_input import ChildTaskRunReported
from kestra_stream.models.ids import derived_id
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.records import Level
from kestra_stream.models.retry import Retry, RetryBehavior
from kestra_stream.models.state import State, StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import DirectoryTask, Outcome, Outputs, Stopped
from kestra_stream.plugin.context.control import Control, StopReason
from kestra_stream.plugin.context.run_context import AttemptContext
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Outgoing
from kestra_stream.topics import EXECUTION_INBOX
from kestra_stream.worker.attempt_runner import AttemptRunner, Ended, Frame, Send

_FALSY = frozenset({"", "false", "0", "-0"})
S = StateType


class DirectoryRun:
    """One run of a WorkingDirectory."""

    def __init__(self, attempts: AttemptRunner, services: Services, send: Send, frame: Frame, job: TaskJob) -> None:
        self._attempts = attempts
        self._services = services
        self._send = send
        self._frame = frame
        self._job = job
        self._runs: list[TaskRun] = []
        self._outputs: Mapping[str, object] = frame.variables.get("outputs", {})

    def run(self, task: Task, children: Tasks) -> Ended:
        """Run all children under the attempt of the task itself; never raises."""
        ended = self._attempts.run(task, self._frame, lambda context: self._work(task, children, context))
        return replace(ended, task_runs=tuple(self._runs))

    def _work(self, task: Task, children: Tasks, context: AttemptContext) -> Outputs | Outcome:
        directory_task = cast("DirectoryTask", task)
        directory_task.prepare(context)
        worst = S.SUCCESS
        for child in children:
            if child.disabled:
                continue
            run = self._run_child(child, context)
            self._runs.append(run)
            state = run.state.current
            if context.control.is_stopped:
                raise Stopped
            if state in {S.FAILED, S.KILLED}:
                return Outcome(None, state, f"The task '{child.id}' ended {state.value}")
            worst = S.WARNING if state is S.WARNING else worst
        return Outcome(directory_task.finish(context), worst)

    def _run_child(self, child: Task, context: AttemptContext) -> TaskRun:
        job, now = self._job, self._services.now()
        run = TaskRun(
            derived_id(job.execution_id, job.task_run_id, child.id, "", ""),
            child.id,
            State.created(now),
            parent_id=job.task_run_id,
            dynamic=True,
        )
        refused = self._refused(child, run, context)
        if refused is not None:
            return self._report(run.with_state(refused, self._services.now()))
        run = self._report(run.with_state(S.RUNNING, now))
        ended = self._attempts_of(child, run, context)
        run = replace(run, attempts=ended[1], outputs=ended[0].outputs)
        state = _allowed(child, ended[0].state, _policy(child, self._job) if len(ended[1]) > 1 else None)
        self._learn(child, run.outputs)
        return self._report(run.with_state(state, self._services.now()), ended[0].records)

    def _refused(self, child: Task, run: TaskRun, context: AttemptContext) -> StateType | None:
        """SKIPPED when `runIf` says so, FAILED when it cannot be rendered."""
        try:
            text = context.render(str(child.run_if).lower() if isinstance(child.run_if, bool) else child.run_if, self._roots(run, 0))
        except KestraError as error:
            problem = f"runIf of '{child.id}': {error}"
            context.logger.log(Level.ERROR, problem)
            return S.FAILED
        return S.SKIPPED if text in _FALSY else None

    def _attempts_of(self, child: Task, run: TaskRun, context: AttemptContext) -> tuple[Ended, tuple[Attempt, ...]]:
        """Run the child until it does not fail or its retry policy gives up; return the last end and all attempts."""
        attempts: list[Attempt] = []
        first_start = self._services.now()
        while True:
            started = self._services.now()
            with _linked(context.control) as control:
                ended = self._attempts.run(child, self._frame_of(child, run, len(attempts), context, control))
            state = State.created(started).to(S.RUNNING, started).to(ended.state, self._services.now())
            attempts.append(Attempt(state, ended.log_file))
            next_start = self._next_start(child, ended, attempts, first_start)
            if next_start is None or context.control.is_stopped:
                return ended, tuple(attempts)
            self._send(ended.records)
            context.sleep(max(next_start - self._services.now(), next_start - next_start))

    def _next_start(self, child: Task, ended: Ended, attempts: Sequence[Attempt], first_start: datetime) -> datetime | None:
        policy = _policy(child, self._job)
        if ended.state is not S.FAILED or policy is None:
            return None
        last_end = attempts[-1].state.histories[-1].date
        return policy.next_attempt(len(attempts), first_start, last_end, random.random())  # noqa: S311 - jitter

    def _frame_of(self, child: Task, run: TaskRun, attempt: int, context: AttemptContext, control: Control) -> Frame:
        info = replace(context.info, task_id=child.id, task_run_id=run.id, attempt=attempt, value=self._value())
        roots = self._roots(run, attempt)
        taskrun = roots.pop("taskrun")
        return replace(
            self._frame,
            info=info,
            variables={**self._frame.variables, **roots},
            taskrun=taskrun,
            control=control,
            directory=context.working_directory,
        )

    def _roots(self, run: TaskRun, attempt: int) -> dict[str, Any]:
        """What a child sees other than its parent does."""
        job, value, given = self._job, self._value(), self._frame.variables
        shown: dict[str, object] = {
            "id": run.id,
            "startDate": run.state.start_date.isoformat().replace("+00:00", "Z"),
            "attemptsCount": attempt,
        }
        shown["parentId"] = job.task_run_id
        if value is not None:
            shown["value"] = value
        if job.iteration is not None:
            shown["iteration"] = job.iteration
        roots: dict[str, object] = {
            "outputs": self._outputs,
            "taskrun": shown,
            "workerTaskrun": {**given.get("taskrun", {}), **self._frame.taskrun},
        }
        if job.value is not None:
            parent = {"taskrun": {"value": job.value}}
            roots |= {"parent": parent, "parents": [parent, *given.get("parents", ())]}
        return roots

    def _value(self) -> str | None:
        """The value of the nearest loop."""
        if self._job.value is not None:
            return self._job.value
        parents: Sequence[Mapping[str, Any]] = self._frame.variables.get("parents", ())
        return next((parent["taskrun"]["value"] for parent in parents if "value" in parent.get("taskrun", {})), None)

    def _learn(self, child: Task, outputs: Mapping[str, object] | None) -> None:
        """Later children see the outputs, below the values of the loops around, outermost first."""
        parents: Sequence[Mapping[str, Any]] = self._frame.variables.get("parents", ())
        values = [parent["taskrun"]["value"] for parent in reversed(parents) if "value" in parent.get("taskrun", {})]
        own = [] if self._job.value is None else [self._job.value]
        self._outputs = _with(self._outputs, [child.id, *values, *own], outputs or {})

    def _report(self, run: TaskRun, records: Sequence[Outgoing] = ()) -> TaskRun:
        report = Outgoing(EXECUTION_INBOX, self._job.execution_id, ChildTaskRunReported(run, self._job.epoch))
        self._send((*records, report))
        return run


@contextmanager
def _linked(parent: Control) -> Generator[Control, None, None]:
    """A stop switch of its own, which the parent's also turns."""
    control = Control()
    with parent.on_stop(lambda: _pass_on(parent, control)):
        yield control


def _pass_on(parent: Control, child: Control) -> None:
    # the child does not time out because its parent does: it is ended by it
    child.stop(StopReason.ABANDONED if parent.reason is StopReason.ABANDONED else StopReason.KILLED)


def _policy(child: Task, job: TaskJob) -> Retry | None:
    """The child's own policy, else what it inherits; a new execution is the engine's to create."""
    policy = child.retry or job.retry
    return policy if policy is not None and policy.behavior is RetryBehavior.RETRY_FAILED_TASK else None


def _allowed(child: Task, state: StateType, retried: Retry | None) -> StateType:
    if state is S.SUCCESS and retried is not None and retried.warning_on_retry:
        state = S.WARNING
    if state is S.FAILED and child.allow_failure:
        state = S.WARNING
    return S.SUCCESS if state is S.WARNING and child.allow_warning else state


def _with(tree: Mapping[str, Any], path: Sequence[str], value: Mapping[str, object]) -> dict[str, object]:
    """Return a copy of nested maps with `value` merged in at a path."""
    below = tree.get(path[0], {})
    if len(path) > 1:
        return {**tree, path[0]: _with(below, path[1:], value)}
    return {**tree, path[0]: {**below, **value}}
