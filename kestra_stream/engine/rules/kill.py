"""Kill: created runs die at once, running ones are told to stop; the execution is KILLED when nothing of it runs any more."""

from datetime import timedelta

from kestra_stream.engine.draft.jobs import stop_jobs
from kestra_stream.engine.draft.runs import put
from kestra_stream.engine.draft.timers import cancel_timer, set_timer
from kestra_stream.engine.draft.work import take_todo
from kestra_stream.engine.plan import ROOT
from kestra_stream.engine.rules import retries, scopes
from kestra_stream.engine.rules.outcomes import cut_off, end_at_once
from kestra_stream.engine.state import WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Phase, TimerKind

GRACE = timedelta(seconds=60)


def kill(step: Step, message: Kill) -> None:
    """Begin to kill; does nothing to an execution that has ended or is being killed."""
    if step.execution.state.is_terminal or step.is_killing:
        return retries.forget_new_execution(step)
    waiting = step.phase is Phase.WAITING
    step.enter(S.KILLING)
    for timer_id in sorted(step.timers):
        cancel_timer(step, timer_id)
    if waiting:
        end_at_once(step, S.KILLED)
        step.phase = Phase.ALIVE
        return None
    stop_jobs(step)
    if message.cascade:
        for child_id in sorted(step.children):
            step.tell(child_id, Kill())
    for run_id in sorted(step.open_runs):
        _stop(step, step.task_runs[run_id], cascade=message.cascade)
    take_todo(step)
    if step.open_runs:
        set_timer(step, "kill-grace", step.now + GRACE, TimerKind.KILL_GRACE, "")
    if step.phase is Phase.OUTPUTS:  # all has ended, but the outputs wait for an answer: nobody does any more
        step.end = S.KILLED
        step.push(WorkKind.OUTPUTS, ROOT)
    return None


def _stop(step: Step, run: TaskRun, *, cascade: bool) -> None:
    node = step.plan.nodes.get(run.task_id)
    calls = node is not None and isinstance(node.behaviour, b.CallFlow)
    if run.id in step.scopes and not calls:
        put(step, run.with_state(S.KILLING, step.now))
        if step.scopes[run.id].open == 0:
            scopes.close(step, run.id)
    elif not run.sent or (calls and not cascade):
        if run.state.current is S.PAUSED:
            run = run.with_state(S.KILLING, step.now)
        cut_off(step, run, S.KILLED)


def give_up(step: Step) -> None:
    """Workers had their time to report: whatever is still open counts as killed."""
    if step.is_killing:
        for run_id in sorted(step.open_runs):
            cut_off(step, step.task_runs[run_id], S.KILLED)
        end_at_once(step, S.KILLED)
