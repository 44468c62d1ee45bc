"""Deadlines: timeouts of what no worker runs, and service-level agreements.

A flowable, or the call of another flow, that takes too long fails with all that is open inside it. Of an agreement, which is a deadline or
an assertion that is looked at on every change, only the first violation acts.
"""

from dataclasses import replace
from datetime import timedelta

from kestra_stream.engine.context import render
from kestra_stream.engine.draft.jobs import stop_job, stop_jobs
from kestra_stream.engine.draft.kept import set_child
from kestra_stream.engine.draft.timers import set_timer
from kestra_stream.engine.draft.work import take_todo
from kestra_stream.engine.plan import Node, Section
from kestra_stream.engine.rules import scopes, subflows
from kestra_stream.engine.rules.flowables import duration
from kestra_stream.engine.rules.outcomes import cancel_execution, cut_off
from kestra_stream.engine.rules.updates import merged_labels
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError, InvalidExpression, LookupNeeded
from kestra_stream.expression import is_truthy
from kestra_stream.models import behaviour as b
from kestra_stream.models.duration import format_duration
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.flow import AssertionSla, Sla, SlaBehavior
from kestra_stream.models.records import Level
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Phase, Timer, TimerKind

# -- timeouts ---------------------------------------------------------------------------------------------------------


def limit_of(step: Step, node: Node, run: TaskRun) -> timedelta | None:
    """Render how long a flowable or a call may take; None for no limit, and for tasks whose limit is another's business."""
    task = node.task
    if task is None or task.timeout is None or not (node.is_flowable or isinstance(node.behaviour, b.CallFlow)):
        return None
    return None if isinstance(node.behaviour, b.Pause) else duration(step, run, task.timeout.raw)


def watch(step: Step, run: TaskRun, limit: timedelta | None) -> None:
    """Ask to be woken when a run has taken too long."""
    if limit is not None and not run.state.is_terminal:
        set_timer(step, f"timeout:{run.id}", step.now + limit, TimerKind.TIMEOUT, run.id)


def watch_again(step: Step, run_id: str) -> None:
    """After a restart the time begins anew; after a restore it goes on."""
    run = step.task_runs[run_id]
    if f"timeout:{run_id}" not in step.timers and run_id not in step.broken:
        watch(step, run, limit_of(step, step.node(run), run))


def timed_out(step: Step, run_id: str) -> None:
    """The time is over: stop what runs inside, then go on as after a failure."""
    run = step.task_runs[run_id]
    message = f"Timeout after {_spent(step, run)}"
    step.log(Level.ERROR, message, run)
    if isinstance(step.node(run).behaviour, b.CallFlow):
        _kill_children(step, {run_id})
        subflows.conclude(step, run, S.FAILED, message)
        return
    waited = bool(step.paused)
    _fail_all_inside(step, run)
    _go_on(step, run_id)
    if waited and not step.paused and step.execution.state.current is S.PAUSED:
        step.enter(S.RESTARTED)
    elif not step.retrying and step.execution.state.current is S.RETRYING:
        step.enter(S.RUNNING)
        take_todo(step)


def _spent(step: Step, run: TaskRun) -> str:
    began = max(transition.date for transition in run.state.histories if transition.state is S.RUNNING)
    return format_duration(timedelta(seconds=round((step.now - began).total_seconds(), 3)))


def _fail_all_inside(step: Step, around: TaskRun) -> None:
    inside = [run for run in map(step.task_runs.__getitem__, sorted(step.open_runs)) if _is_inside(step, run, around.id)]
    for run in inside:
        if run.sent:
            stop_job(step, run)
        cut_off(step, run, S.FAILED)
    _kill_children(step, {run.id for run in inside})


def _is_inside(step: Step, run: TaskRun, around_id: str) -> bool:
    parent = step.parent_run(run)
    while parent is not None:
        if parent.id == around_id:
            return True
        parent = step.parent_run(parent)
    return False


def _kill_children(step: Step, run_ids: set[str]) -> None:
    for child_id in sorted(child_id for child_id, (run_id, _) in step.children.items() if run_id in run_ids):
        step.tell(child_id, Kill())
        set_child(step, child_id, None)


def _go_on(step: Step, run_id: str) -> None:
    """Enter the errors branch; a flowable that was in its last branches already ends at once."""
    section = step.scopes[run_id].section
    scopes.break_scope(step, run_id)
    if section is Section.MAIN:
        scopes.enter(step, run_id, Section.ERRORS)
    else:
        scopes.close(step, run_id)


# -- agreements -------------------------------------------------------------------------------------------------------

_ENDS = {SlaBehavior.FAIL: S.FAILED, SlaBehavior.CANCEL: S.CANCELLED}


def check_assertions(step: Step) -> None:
    """Evaluate what must stay true; an assertion that cannot be evaluated is logged and does not count as broken."""
    if not step.plan.flow.sla or step.phase is not Phase.ALIVE or step.execution.state.is_terminal or step.is_killing:
        return
    for agreement in step.plan.flow.sla:
        if isinstance(agreement, AssertionSla) and agreement.id not in step.violated and not _holds(step, agreement):
            violate(step, agreement)
            return


def _holds(step: Step, agreement: AssertionSla) -> bool:
    try:
        return is_truthy(str(render(step, None, agreement.assert_)))
    except LookupNeeded:
        problem = "a function that needs IO"
    except (ExpressionError, InvalidExpression) as error:
        problem = str(error)
    step.log(Level.WARN, f"the agreement `{agreement.id}` cannot be evaluated: {problem}")
    return True


def deadline_passed(step: Step, timer: Timer) -> None:
    """A MAX_DURATION has elapsed."""
    if step.execution.state.is_terminal or step.phase not in {Phase.ALIVE, Phase.WAITING}:
        return
    for agreement in step.plan.flow.sla:
        if agreement.id == timer.subject:
            violate(step, agreement)


def violate(step: Step, agreement: Sla) -> None:
    """Add the agreement's labels; FAIL and CANCEL end the execution and stop its workers, without its subflows."""
    step.violated = (*step.violated, agreement.id)
    step.log(Level.WARN, f"the agreement `{agreement.id}` is violated")
    if agreement.labels:
        step.change_head(replace(step.execution, labels=merged_labels(step.execution.labels, agreement.labels)))
    state = _ENDS.get(agreement.behavior)
    if state is None:
        return
    stop_jobs(step)
    leaves = [run_id for run_id in step.open_runs if run_id not in step.scopes]
    for run_id in sorted(leaves):
        run = step.task_runs[run_id]
        cut_off(step, run, state)
    step.phase = Phase.ALIVE
    cancel_execution(step, state)
