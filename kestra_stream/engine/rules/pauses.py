"""Pauses: a Pause task or a person holds the execution; a resume, a date or a timeout lets it go on."""

from dataclasses import replace
from datetime import datetime

from kestra_stream.engine.context import render
from kestra_stream.engine.draft.runs import put, put_with_outputs, with_outputs
from kestra_stream.engine.draft.timers import cancel_timer, set_timer
from kestra_stream.engine.draft.work import take_todo
from kestra_stream.engine.plan import Section
from kestra_stream.engine.rules import scopes
from kestra_stream.engine.rules.flowables import duration
from kestra_stream.engine.rules.outcomes import cancel_execution, end
from kestra_stream.engine.state import Scope, WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError, InvalidExpression, LookupNeeded
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_input import Pause, Resume, ResumeFromBreakpoint
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, StateType
from kestra_stream.models.stored_state import Phase, Timer, TimerKind

_ENDS = {
    b.PauseBehavior.RESUME: S.SUCCESS,
    b.PauseBehavior.WARN: S.WARNING,
    b.PauseBehavior.FAIL: S.FAILED,
    b.PauseBehavior.CANCEL: S.CANCELLED,
}


def start_pause(step: Step, run: TaskRun, pause: b.Pause) -> None:
    """Begin a pause: everything that can start now still does, then the execution is PAUSED."""
    wait = duration(step, run, pause.duration)
    meaning_of(step, run, pause)
    task = step.node(run).task
    limit = task.timeout if task is not None else None
    timeout = duration(step, run, limit.raw) if limit is not None else None
    if wait is not None:
        set_timer(step, f"pause:{run.id}", step.now + wait, TimerKind.PAUSE, run.id)
    if timeout is not None:
        set_timer(step, f"pause-timeout:{run.id}", step.now + timeout, TimerKind.PAUSE_TIMEOUT, run.id)
    run = run.with_state(S.RUNNING, step.now)
    put(step, run)
    hook = step.node(run).children(Section.ON_PAUSE)
    if hook:
        step.put_scope(run.id, Scope(section=Section.ON_PAUSE))
        scopes.create(step, run.id, hook[0])
    step.pausing.append(run.id)


def pause_where_asked(step: Step) -> bool:
    """Rule: once nothing else can start, runs that reached a Pause become PAUSED."""
    if not step.pausing:
        return False
    for run_id in step.pausing:
        run = step.task_runs[run_id]
        if run.state.current is S.RUNNING:
            put(step, run.with_state(S.PAUSED, step.now))
            step.paused = step.paused.set(run_id, None)
    step.pausing.clear()
    return True


def rest(step: Step) -> bool:
    """Rule: an execution that waits for a person is PAUSED, one that waits for a retry is RETRYING."""
    if step.execution.state.current is S.RUNNING:
        if step.paused:
            step.enter(S.PAUSED)
        elif step.retrying:
            step.enter(S.RETRYING)
    return False


def wake_restarted_execution(step: Step) -> bool:
    """Rule: RESTARTED becomes RUNNING, and what waited goes on."""
    if step.execution.state.current is not S.RESTARTED:
        return False
    step.enter(S.RUNNING)
    take_todo(step)
    return True


def pause(step: Step, _: Pause) -> None:
    """A person pauses the execution: running tasks go on, nothing new starts."""
    if step.execution.state.current in {S.RUNNING, S.RETRYING}:
        step.enter(S.PAUSED)


def resume(step: Step, message: Resume) -> None:
    """A person lets a paused execution go on, at the first paused task unless one is named."""
    if step.execution.state.current is not S.PAUSED and step.phase is not Phase.AFTER:
        return
    run_id = message.task_run_id or _first_paused(step)
    if run_id is None:
        if step.phase is not Phase.AFTER:
            step.enter(S.RUNNING)
            take_todo(step)
        return
    run = step.task_runs.get(run_id)
    if run is None or run.state.current is not S.PAUSED:
        return
    resumed = {"by": message.by, "on": step.now.isoformat(), "to": "RESUME"}
    outputs: dict[str, object] = {"resumed": resumed}
    if message.inputs or _asks(step, run):
        outputs["onResume"] = dict(message.inputs)
    end_pause(step, with_outputs(run, outputs), S.SUCCESS)


def _first_paused(step: Step) -> str | None:
    """Find the run that was paused first; of several in one step the first in the order of the flow."""

    def arrival(run: TaskRun) -> tuple[datetime, datetime, int, int]:
        return (run.state.histories[-1].date, run.state.start_date, run.iteration or 0, step.node(run).order)

    runs = [step.task_runs[run_id] for run_id in step.paused]
    return min(runs, key=arrival).id if runs else None


def _asks(step: Step, run: TaskRun) -> bool:
    behaviour = step.node(run).behaviour
    return isinstance(behaviour, b.Pause) and bool(behaviour.on_resume)


def end_pause(step: Step, run: TaskRun, state: StateType) -> None:
    """End the pause of one run; the execution goes on when no other run is paused."""
    cancel_timer(step, f"pause:{run.id}")
    cancel_timer(step, f"pause-timeout:{run.id}")
    run = run.with_state(S.RUNNING, step.now)
    if state is S.SUCCESS and step.node(run).children(Section.MAIN):
        put_with_outputs(step, run)
        scopes.open_scope(step, run.id, Scope())
    else:
        put_with_outputs(step, run)
        end(step, run, state)
    if state is S.CANCELLED:
        cancel_execution(step, S.CANCELLED)
    if step.execution.state.current is S.PAUSED and not step.paused:
        step.enter(S.RESTARTED)


def pause_is_over(step: Step, timer: Timer) -> None:
    """The duration (or the timeout) of a pause has elapsed."""
    run = step.task_runs[timer.subject]
    behaviour = step.node(run).behaviour
    assert isinstance(behaviour, b.Pause)  # noqa: S101 - nothing else sets this timer, and what ends a pause cancels it
    if timer.kind is TimerKind.PAUSE_TIMEOUT:
        step.log(Level.ERROR, "the pause timed out before anybody resumed it", run)
        end_pause(step, run, S.FAILED)
    else:
        _end_by_date(step, run, behaviour)


def _end_by_date(step: Step, run: TaskRun, pause: b.Pause) -> None:
    try:
        meaning = meaning_of(step, run, pause)
    except (ExpressionError, InvalidExpression, LookupNeeded) as error:
        step.log(Level.ERROR, f"the behavior of the pause: {error}", run)
        return end_pause(step, run, S.FAILED)
    outputs: dict[str, object] = {"resumed": {"by": None, "on": step.now.isoformat(), "to": meaning.value}}
    return end_pause(step, with_outputs(run, outputs), _ENDS[meaning])


def meaning_of(step: Step, run: TaskRun, pause: b.Pause) -> b.PauseBehavior:
    """Render what the end of the duration means.

    Raises:
        ExpressionError: it is none of the known behaviors.
    """
    text = str(render(step, run, pause.behavior)).strip()
    try:
        return b.PauseBehavior(text)
    except ValueError:
        raise ExpressionError(f"`{text:.80}` is no behavior of a Pause; choose one of {', '.join(b.PauseBehavior)}") from None


def force_run(step: Step) -> None:
    """Run a paused execution now (created and queued ones are the business of `start`)."""
    if step.execution.state.current is S.PAUSED:
        resume(step, Resume())


def resume_from_breakpoint(step: Step, message: ResumeFromBreakpoint) -> None:
    """Go on after a breakpoint: the tasks that waited there run, later breakpoints stay."""
    if step.execution.state.current is not S.BREAKPOINT:
        return
    waiting = [step.task_runs[run_id] for run_id in sorted(step.open_runs) if step.task_runs[run_id].state.current is S.BREAKPOINT]
    passed = {run.task_id for run in waiting}
    left = message.breakpoints if message.breakpoints is not None else tuple(t for t in step.execution.breakpoints if t not in passed)
    step.change_head(replace(step.execution, breakpoints=left))
    for run in waiting:
        put(step, run.with_state(S.CREATED, step.now))
        step.push(WorkKind.DISPATCH, run.id)
    step.enter(S.RUNNING)
    take_todo(step)
