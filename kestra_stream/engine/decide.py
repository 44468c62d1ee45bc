"""Decides what an execution does next.

In: the state of one execution and one thing that happened to it.
Out: the new state and the commands to send. Nothing here reads a clock, a queue or a disk.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from kestra_stream.engine import commands as c
from kestra_stream.engine.context import call_key
from kestra_stream.engine.draft.freezing import decision_of
from kestra_stream.engine.draft.jobs import stop_jobs
from kestra_stream.engine.draft.kept import forget_answers, set_answer
from kestra_stream.engine.draft.timers import take_timer
from kestra_stream.engine.draft.work import cut, has_worked_enough, postpone, take_todo
from kestra_stream.engine.plan import ROOT
from kestra_stream.engine.rules import (
    deadlines,
    dispatch,
    end,
    flowables,
    kill,
    pauses,
    replay,
    restart,
    results,
    retries,
    scopes,
    start,
    subflows,
)
from kestra_stream.engine.rules.outcomes import cut_off, fail
from kestra_stream.engine.state import ExecutionState, WorkKind
from kestra_stream.engine.step import Decision, Step
from kestra_stream.errors import ExpressionError, InvalidExpression, LookupNeeded
from kestra_stream.models import behaviour as b
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution_input import ExecutionInput
from kestra_stream.models.messages import LookupCall, LookupJob
from kestra_stream.models.records import Level
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Phase, Timer, TimerKind


def decide(state: ExecutionState, message: ExecutionInput, now: datetime) -> Decision:
    """Fold the input into the state, then let the rules speak until none has anything to add."""
    step = Step(state, now)
    fold_in(step, message)
    deadlines.check_assertions(step)
    return settle(step)


def settle(step: Step) -> Decision:
    """Apply the rules in order, from the top again after each that did something, until none does."""
    while _apply_one(step):
        pass
    return decision_of(step)


def _apply_one(step: Step) -> bool:
    for rule in RULES:  # noqa: SIM110 - a generator would cost more than most rules
        if rule(step):
            return True
    return False


def fail_execution(state: ExecutionState, message: str, now: datetime) -> Decision:
    """End an execution that the engine itself could not go on with."""
    step = Step(state, now)
    step.log(Level.ERROR, f"the engine failed on this execution: {message}")
    stop_jobs(step)
    step.change_head(replace(step.execution.with_state(S.FAILED, now), error=message))
    for run_id in sorted(step.open_runs):
        cut_off(step, step.task_runs[run_id], S.FAILED)
    step.queue.clear()
    end.finish(step)
    return decision_of(step)


def fold_in(step: Step, message: ExecutionInput) -> None:
    """Let an input change the draft; what it leads to is the business of the rules."""
    FOLDS[type(message)](step, message)


def continued(step: Step, _: i.Continued) -> None:
    """Go on with a long piece of work that was cut."""
    step.is_continuing = False
    if step.is_running:
        take_todo(step)


def set_labels(step: Step, message: i.SetLabels) -> None:
    """Replace the labels."""
    step.change_head(replace(step.execution, labels=message.labels))


def force_run(step: Step, message: i.ForceRun) -> None:
    """Run a created, queued or paused execution now."""
    start.force_run(step, message)
    pauses.force_run(step)


def timer_fired(step: Step, message: i.TimerFired) -> None:
    """Wake what asked for it; a timer that was cancelled meanwhile wakes nobody."""
    timer = take_timer(step, message.timer_id)
    if timer is None:
        return
    TIMERS[timer.kind](step, timer)


# What each kind of timer wakes; a test holds this table against the kinds.
TIMERS: dict[TimerKind, Callable[[Step, Timer], None]] = {
    TimerKind.SCHEDULE: lambda step, _: start.ask_for_slot(step),
    TimerKind.RETRY: retries.try_again,
    TimerKind.NEW_EXECUTION: lambda step, _: retries.create_new_execution(step),
    TimerKind.PAUSE: pauses.pause_is_over,
    TimerKind.PAUSE_TIMEOUT: pauses.pause_is_over,
    TimerKind.LOOP: lambda step, timer: flowables.next_round(step, timer.subject),
    TimerKind.SLA: deadlines.deadline_passed,
    TimerKind.TIMEOUT: lambda step, timer: deadlines.timed_out(step, timer.subject),
    TimerKind.KILL_GRACE: lambda step, _: kill.give_up(step),
    TimerKind.GROUP: lambda step, _: dispatch.look_for_workers(step),
}


# -- work --------------------------------------------------------------------------------------------------------------


def do_next_work(step: Step) -> bool:
    """Rule: what a rule before has noted down is done, or put off while the execution waits."""
    if not step.queue:
        return False
    kind, subject = work = step.queue.popleft()
    if not _may_work(step, kind, subject):
        if step.phase is not Phase.FINISHED:
            postpone(step, work)
        return True
    if kind in _COSTLY and step.is_running and has_worked_enough(step):
        postpone(step, work)
        cut(step)
        return True
    try:
        WORK[kind](step, subject)
    except LookupNeeded as needed:
        _look_up(step, kind, subject, needed)
    else:
        if step.answers and not _asks_again(step, subject):
            forget_answers(step, _asker(kind, subject))
    return True


def _asks_again(step: Step, subject: str) -> bool:
    """Tell whether a run that is open evaluates the same once more: a Pause, at the end of its duration."""
    run = step.task_runs.get(subject)
    return run is not None and not run.state.is_terminal and isinstance(step.node(run).behaviour, b.Pause)


def _asker(kind: WorkKind, subject: str) -> str:
    """Name whose answers a piece of work uses: a run's, or the execution's."""
    return ROOT if kind is WorkKind.AFTER else subject


def _may_work(step: Step, kind: WorkKind, subject: str) -> bool:
    if step.phase in {Phase.AFTER, Phase.OUTPUTS} or kind in _ALWAYS:
        return True
    if step.is_killing:
        return kind in {WorkKind.FOLD, WorkKind.DISPATCH}
    if step.execution.state.current is S.RUNNING:
        return True
    run = step.task_runs.get(subject)
    return run is not None and step.node(run).section == "onPause"


def advance(step: Step, scope_id: str) -> None:
    """Go on with a fan-out that was cut."""
    scope = step.scopes.get(scope_id)
    if scope is None:
        return
    if scope.batches is not None:
        subflows.start_batches(step, scope_id)
    else:
        scopes.start_more(step, scope_id)
        scopes.close_when_done(step, scope_id)


def reopen(step: Step, run_id: str) -> None:
    """Take an open flowable up again."""
    try:
        flowables.reopen(step, run_id)
        deadlines.watch_again(step, run_id)
    except (ExpressionError, InvalidExpression) as error:
        fail(step, step.task_runs[run_id], str(error))


# Opening a flowable again only takes note of what is there: it must happen in the step that restores, whatever the state.
_ALWAYS = frozenset({WorkKind.BEGIN, WorkKind.OUTPUTS, WorkKind.AFTER, WorkKind.REOPEN})

# What a fan-out consists of: it may wait while others have their turn.
_COSTLY = frozenset({WorkKind.DISPATCH, WorkKind.ADVANCE, WorkKind.LOOP})

WORK: dict[WorkKind, Callable[[Step, str], None]] = {
    WorkKind.DISPATCH: dispatch.dispatch,
    WorkKind.FOLD: scopes.fold,
    WorkKind.ADVANCE: advance,
    WorkKind.REOPEN: reopen,
    WorkKind.LOOP: flowables.end_round,
    WorkKind.AFTER: lambda step, place: end.start_after_task(step, int(place)),
    WorkKind.OUTPUTS: lambda step, _: end.give_outputs(step),
    WorkKind.BEGIN: lambda step, _: start.begin(step),
}


# -- look-ups ----------------------------------------------------------------------------------------------------------

MOST_LOOK_UPS = 1000
_SECRET_ARGUMENTS = frozenset({"encrypt", "decrypt"})


def _look_up(step: Step, kind: WorkKind, subject: str, needed: LookupNeeded) -> None:
    """Ask a worker for what the expression needs; the work is done again when the answer comes."""
    name, args, kwargs = needed.call
    head = step.execution
    if len(step.answers.get(_asker(kind, subject), ())) >= MOST_LOOK_UPS:
        message = f"an expression asks for more than {MOST_LOOK_UPS} values"
        if subject not in step.task_runs:
            raise ExpressionError(message)
        return fail(step, step.task_runs[subject], message)
    key = call_key(name, args, kwargs)
    if step.revealed or name in _SECRET_ARGUMENTS:
        call = LookupCall(key, name, sealed=step.plan.vault.seal(orjson.dumps([args, kwargs], default=str).decode(), key))
    else:
        call = LookupCall(key, name, args, kwargs)
    job = LookupJob(head.id, head.namespace, head.flow_id, head.flow_revision, f"{kind.value}|{subject}", (call,), None, head.tenant_id)
    return step.command(c.Offer(job))


def looked_up(step: Step, message: i.LookedUp) -> None:
    """Remember the answers and take the work up again."""
    name, _, subject = message.lookup_id.partition("|")
    kind = WorkKind(name)
    for answer in message.answers:
        set_answer(step, _asker(kind, subject), answer.key, (answer.value, answer.error))
    step.push(kind, subject)


# What each kind of input does to the draft; a test holds this table against the closed union.
FOLDS: dict[type[object], Callable[[Step, Any], None]] = {
    i.Create: start.create,
    i.TaskRunStarted: results.task_run_started,
    i.TaskRunEnded: results.task_run_ended,
    i.ChildTaskRunReported: results.child_task_run_reported,
    i.WorkerLost: results.worker_lost,
    i.NoWorker: results.no_worker,
    i.SubflowEnded: subflows.subflow_ended,
    i.SubflowRetried: subflows.subflow_retried,
    i.Admitted: start.admitted,
    i.Refused: start.refused,
    i.TimerFired: timer_fired,
    i.LookedUp: looked_up,
    i.Continued: continued,
    i.Kill: kill.kill,
    i.Pause: pauses.pause,
    i.Resume: pauses.resume,
    i.Restart: restart.restart,
    i.Replay: replay.replay,
    i.ChangeTaskRunState: restart.change_task_run_state,
    i.ChangeStatus: restart.change_status,
    i.SetLabels: set_labels,
    i.ForceRun: force_run,
    i.Unqueue: start.force_run,
    i.ResumeFromBreakpoint: pauses.resume_from_breakpoint,
}

RULES: tuple[Callable[[Step], bool], ...] = (
    pauses.wake_restarted_execution,
    do_next_work,
    end.end_resolved_execution,
    pauses.pause_where_asked,
    pauses.rest,
)
