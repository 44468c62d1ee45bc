"""Restart: continues an ended or paused execution from its last good task; change of state: goes on from where a person says."""

from collections.abc import Iterable
from dataclasses import replace

from immutables import Map

from kestra_stream.engine.draft.jobs import stop_job
from kestra_stream.engine.draft.runs import drop, group_existing, put, put_with_outputs
from kestra_stream.engine.draft.timers import cancel_timer
from kestra_stream.engine.draft.work import postpone
from kestra_stream.engine.plan import ROOT, Section
from kestra_stream.engine.rules import pauses, scopes
from kestra_stream.engine.rules.end import tell_parent
from kestra_stream.engine.rules.replay import copy_for_restart
from kestra_stream.engine.state import EMPTY_BACKLOG, Scope
from kestra_stream.engine.step import Step
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.execution_input import ChangeStatus, ChangeTaskRunState, Restart
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, StateType
from kestra_stream.models.stored_state import Phase

_RESTARTED_FROM = frozenset({S.FAILED, S.PAUSED})


def restart(step: Step, message: Restart) -> None:
    """Run again from the failed (or paused) task runs; everything that went well is kept."""
    head = step.execution
    if message.parent is not None:
        step.parent = message.parent
    if not head.state.is_terminal and head.state.current is not S.PAUSED:
        return None
    targets = targets_of(step)
    if not targets and not head.state.is_terminal:
        return None
    if message.revision is not None and message.new_id is not None:
        return step.tell(message.new_id, copy_for_restart(step, message.new_id, message.revision, targets))
    if not targets and step.task_runs:
        step.log(Level.WARN, "there is no failed task run to restart from")
        return tell_parent(step) if message.parent is not None else None
    _drop_branches(step)
    for run in targets:
        _restart_run(step, run)
    step.change_head(replace(head, attempt_number=head.attempt_number + 1, outputs=None, error=None))
    return resume_life(step)


def targets_of(step: Step) -> list[TaskRun]:
    """Failed or paused runs of main branches whose children did not fail themselves; what a worker runs inside a directory goes with it."""
    main = (run for run in step.task_runs.values() if not run.dynamic and not _in_side_branch(step, run))
    failed = [run for run in main if run.state.current in _RESTARTED_FROM]
    around_failed = {run.parent_id for run in failed}
    return sorted((run for run in failed if run.id not in around_failed), key=lambda run: run.id)


def _in_side_branch(step: Step, run: TaskRun | None) -> bool:
    while run is not None:
        if step.node(run).section is not Section.MAIN:
            return True
        run = step.parent_run(run)
    return False


def _drop_branches(step: Step) -> None:
    """Remove all runs of errors, finally and afterExecution branches: they tell of the end that is taken back."""
    drop_all(step, [run for run in step.task_runs.values() if _in_side_branch(step, run)])


def drop_all(step: Step, runs: Iterable[TaskRun]) -> None:
    """Remove runs, children before parents (their places are found through their parents)."""
    for run in sorted(runs, key=lambda run: (-len(ancestors(step, run)), run.id)):
        if run.sent and not run.dynamic:
            stop_job(step, run)
        drop(step, run)


def ancestors(step: Step, run: TaskRun) -> list[TaskRun]:
    """Return the flowables around a run, nearest first."""
    found = []
    around = step.parent_run(run)
    while around is not None:
        found.append(around)
        around = step.parent_run(around)
    return found


def _restart_run(step: Step, run: TaskRun) -> None:
    drop_all(step, [other for other in step.task_runs.values() if any(around.id == run.id for around in ancestors(step, other))])
    if run.state.current is S.PAUSED:
        pauses.end_pause(step, run, S.SUCCESS)
    else:
        put(step, replace(run, state=run.state.to(S.RESTARTED, step.now), sent=False))
    for around in ancestors(step, run):
        put(step, around.with_state(S.RUNNING, step.now))


def resume_life(step: Step) -> None:
    """Open the root again over the runs that exist; the execution is RESTARTED unless a run is still paused."""
    step.phase, step.end, step.failure = Phase.ALIVE, None, None
    step.enter(S.PAUSED if step.paused else S.RESTARTED)
    rebuild(step)


def rebuild(step: Step, ordered: Iterable[TaskRun] | None = None) -> None:
    """Build the scopes anew from the runs, and note all work anew; what batches do follows from no runs, and stays.

    Args:
        step: the draft.
        ordered: all runs, oldest first, where somebody has ordered them before.
    """
    step.scopes = Map({scope_id: scope for scope_id, scope in step.scopes.items() if scope.batches is not None})
    step.queue.clear()
    waiting, step.todo = step.todo.taken(), EMPTY_BACKLOG
    for kind, subject in waiting:
        if subject in step.scopes:
            postpone(step, (kind, subject))
    group_existing(step, ordered)
    scopes.open_scope(step, ROOT, Scope(section=Section.AFTER if step.phase is Phase.AFTER else Section.MAIN))


def change_task_run_state(step: Step, message: ChangeTaskRunState) -> None:
    """A person sets the state of a run; the flow goes on from there."""
    run = step.task_runs.get(message.task_run_id)
    if run is None or step.is_killing:
        return None
    if run.state.current is S.PAUSED and step.execution.state.current is S.PAUSED:
        return pauses.end_pause(step, run, message.state)
    if not step.execution.state.is_terminal and run.sent:
        return step.log(Level.WARN, "the state of a task run that a worker holds can not be changed; kill the execution first", run)
    if _in_side_branch(step, run):
        return step.log(Level.WARN, "the state of a task run outside of the main branch can not be changed: nothing follows from it", run)
    around = ancestors(step, run)
    _drop_branches(step)
    if run.id in step.scopes and message.state.is_terminal:
        scopes.close_flowables(step, sorted(step.scopes[run.id].open_flowables), message.state)
    put_with_outputs(step, _with_state(step, run, message.state))
    for flowable in around:
        put(step, flowable.with_state(S.RUNNING, step.now))
        cancel_timer(step, f"loop:{flowable.id}")  # the round that had ended goes on
    step.change_head(replace(step.execution, outputs=None, error=None))
    return resume_life(step)


def _with_state(step: Step, run: TaskRun, state: StateType) -> TaskRun:
    attempts = run.attempts
    if attempts and not isinstance(step.node(run).behaviour, b.Sequence):
        attempts = (*attempts[:-1], replace(attempts[-1], state=attempts[-1].state.to(state, step.now)))
    return replace(run, state=run.state.to(state, step.now), attempts=attempts, sent=False)


def change_status(step: Step, message: ChangeStatus) -> None:
    """A person sets the state of an ended execution to another terminal one."""
    if step.execution.state.is_terminal and message.state.is_terminal:
        step.enter(message.state)
