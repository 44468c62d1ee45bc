"""Retries: a failed attempt becomes a delay, until the policy says no."""

from dataclasses import replace
from datetime import datetime

from kestra_stream.engine.draft.runs import put, put_with_outputs
from kestra_stream.engine.draft.timers import cancel_timer, set_timer
from kestra_stream.engine.draft.work import take_todo
from kestra_stream.engine.plan import Section
from kestra_stream.engine.rules import scopes
from kestra_stream.engine.rules.outcomes import end, end_at_once, note_failure, tries_of
from kestra_stream.engine.rules.replay import copy_from_start
from kestra_stream.engine.state import WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_input import SubflowEnded, SubflowRetried
from kestra_stream.models.ids import derived_id
from kestra_stream.models.retry import RetryBehavior, RetryPolicy
from kestra_stream.models.state import S, StateType
from kestra_stream.models.stored_state import Phase, Timer, TimerKind

_MAY_RETRY = frozenset({S.RUNNING, S.PAUSED, S.RETRYING})


def conclude(step: Step, run: TaskRun, state: StateType, message: str | None, *, tried_inside: bool = False) -> None:
    """End a run with its attempt's state, or plan its next attempt.

    `tried_inside`: a child of a WorkingDirectory failed, and the worker has tried that child again already.
    """
    node = step.node(run)
    policy = node.retry
    if policy is not None and tried_inside and policy.behavior is RetryBehavior.RETRY_FAILED_TASK:
        policy = None
    if state is S.FAILED and policy is not None and (step.execution.state.current in _MAY_RETRY or node.is_after):
        moment = _next_attempt(step, run, policy)
        if moment is not None:
            return _plan_attempt(step, run, policy, moment)
    if scopes.has_branch_after(step, run, state):
        note_failure(step, run, message)
        run = replace(run, sent=False)
        put_with_outputs(step, run)
        step.put_scope(run.id, scopes.after_attempt(run))
        return scopes.enter(step, run.id, Section.ERRORS if state is S.FAILED else Section.FINALLY)
    return end(step, run, state, message)


def _next_attempt(step: Step, run: TaskRun, policy: RetryPolicy) -> datetime | None:
    chance = _fraction(run.id, str(len(run.attempts)))
    if policy.behavior is RetryBehavior.CREATE_NEW_EXECUTION:
        if step.node(run).is_after:
            return None
        head = step.execution
        first = head.original_created_date or head.state.start_date
        return policy.next_attempt(head.attempt_number, first, step.now, chance)
    first = run.attempts[0].state.start_date if run.attempts else run.state.start_date
    return policy.next_attempt(len(tries_of(run)), first, step.now, chance)


def _fraction(*seed: str) -> float:
    """Draw a number in [0, 1) that the same seed always gives."""
    return int.from_bytes(derived_id(*seed).encode()[:8]) % 1_000_003 / 1_000_003


def _plan_attempt(step: Step, run: TaskRun, policy: RetryPolicy, moment: datetime) -> None:
    run = replace(run.with_state(S.FAILED, step.now), sent=False)
    if policy.behavior is RetryBehavior.CREATE_NEW_EXECUTION:
        _hand_over(step, run, moment)
    else:
        put(step, run.with_state(S.RETRYING, step.now))
        set_timer(step, f"retry:{run.id}", moment, TimerKind.RETRY, run.id)


def _hand_over(step: Step, run: TaskRun, moment: datetime) -> None:
    """Give up this execution for a new one: the run, all around it and the execution are RETRIED."""
    around = step.parent_run(run)
    put(step, run.with_state(S.RETRIED, step.now))
    while around is not None:
        put(step, around.with_state(S.RETRIED, step.now))
        around = step.parent_run(around)
    set_timer(step, "new-execution", moment, TimerKind.NEW_EXECUTION, run.id)
    end_at_once(step, S.RETRIED)


def try_again(step: Step, timer: Timer) -> None:
    """The date of the next attempt has come."""
    run = step.task_runs[timer.subject]
    put(step, run.with_state(S.CREATED, step.now))
    step.push(WorkKind.DISPATCH, run.id)
    if step.execution.state.current is S.RETRYING:
        step.enter(S.RUNNING)
        take_todo(step)


def create_new_execution(step: Step) -> None:
    """The date of the new execution has come; whoever waited for this one waits for the new one."""
    old_id, link = step.execution.id, step.parent
    new_id = derived_id(old_id, "retry", str(step.execution.attempt_number))
    step.tell(new_id, copy_from_start(step, new_id, link))
    if link is not None and link.wait:
        step.tell(link.execution_id, SubflowRetried(link.task_run_id, link.epoch, old_id, new_id))


def forget_new_execution(step: Step) -> None:
    """A kill comes before the date of the new execution: there will be none, and whoever waits is told so."""
    if "new-execution" not in step.timers:
        return
    cancel_timer(step, "new-execution")
    link = step.parent
    if link is not None and link.wait:
        step.tell(link.execution_id, SubflowEnded(link.task_run_id, link.epoch, step.execution.id, S.KILLED, iteration=link.iteration))


def worker_lost(step: Step, run: TaskRun) -> None:
    """The worker is gone: note the attempt as RESUBMITTED and offer the run again, where the execution still wants it."""
    attempts = run.attempts
    if attempts and not attempts[-1].state.is_terminal:
        attempts = (*attempts[:-1], replace(attempts[-1], state=attempts[-1].state.to(S.RESUBMITTED, step.now)))
    run = replace(run, attempts=attempts, sent=False)
    if step.is_killing or step.phase is Phase.FINISHED or (step.execution.state.is_terminal and not step.node(run).is_after):
        put(step, run.with_state(S.KILLED, step.now))
    else:
        put(step, replace(run, state=run.state.to(S.CREATED, step.now)))
        step.push(WorkKind.DISPATCH, run.id)
