"""Task runs of the draft: stores a run and keeps in line what is known of all runs (open, paused, retrying, outputs, states)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from immutables import Map

from kestra_stream.engine.draft.kept import forget_kept
from kestra_stream.engine.draft.timers import cancel_timers_of
from kestra_stream.engine.state import WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.state import S


def put(step: Step, run: TaskRun) -> None:
    """Store a run, new or changed."""
    run_id = run.id
    before = step.task_runs.get(run_id)
    step.task_runs = step.task_runs.set(run_id, run)
    step.changed[run_id] = None
    step.removed.pop(run_id, None)
    current = run.state.current
    if before is None and step.node(run).is_in_loop:
        around = run.parent_id or ""
        step.inside_loops = step.inside_loops.set(around, step.inside_loops.get(around, Map()).set(run_id, None))
    if current.is_terminal:
        if before is None or run_id in step.open_runs:
            _close(step, run)
    elif before is None or run_id not in step.open_runs:
        step.open_runs = step.open_runs.set(run_id, None)
    if current is S.RETRYING:
        step.retrying = step.retrying.set(run_id, None)
    elif run_id in step.retrying:
        step.retrying = step.retrying.delete(run_id)
    if step.paused and current is not S.PAUSED and run_id in step.paused:
        step.paused = step.paused.delete(run_id)
    if step.plan.uses_task_states:
        step.task_states = step.task_states.with_value(path_of(step, run), {"state": current.value})


def put_with_outputs(step: Step, run: TaskRun) -> None:
    """Store a run and show its outputs to expressions."""
    if run.outputs:
        show_outputs(step, run)
    put(step, run)


def show_outputs(step: Step, run: TaskRun) -> None:
    """Let expressions see the outputs of a run."""
    step.outputs = step.outputs.with_value(path_of(step, run), run.outputs or {})


def _close(step: Step, run: TaskRun) -> None:
    run_id = run.id
    if run_id in step.open_runs:
        step.open_runs = step.open_runs.delete(run_id)
    if run_id in step.scopes:
        step.scopes = step.scopes.delete(run_id)
    forget_kept(step, run_id)
    if step.timers:
        cancel_timers_of(step, run_id)
    step.push(WorkKind.FOLD, run_id)


def drop(step: Step, run: TaskRun) -> None:
    """Remove a run as if it had never been."""
    run_id = run.id
    step.task_runs = step.task_runs.delete(run_id)
    step.removed[run_id] = None
    step.changed.pop(run_id, None)
    if run_id in step.open_runs:
        step.open_runs = step.open_runs.delete(run_id)
    if run_id in step.retrying:
        step.retrying = step.retrying.delete(run_id)
    if run_id in step.paused:
        step.paused = step.paused.delete(run_id)
    if run_id in step.scopes:
        step.scopes = step.scopes.delete(run_id)
    forget_kept(step, run_id)
    if step.timers:
        cancel_timers_of(step, run_id)
    if run.outputs:
        step.outputs = step.outputs.without(path_of(step, run))


def path_of(step: Step, run: TaskRun) -> list[str]:
    """Return the task's id and the values of the loops around the run, outermost first."""
    path = [run.value] if run.value is not None else []
    parent_id = run.parent_id
    while parent_id is not None:
        around = step.task_runs.get(parent_id)
        if around is None:
            break
        if around.value is not None:
            path.append(around.value)
        parent_id = around.parent_id
    path.append(run.task_id)
    path.reverse()
    return path


def with_outputs(run: TaskRun, outputs: Mapping[str, object]) -> TaskRun:
    """Return the run with more outputs."""
    return replace(run, outputs={**(run.outputs or {}), **outputs})


def oldest_first(runs: Iterable[TaskRun]) -> list[TaskRun]:
    """Return the runs in the order in which they came to be."""
    return sorted(runs, key=lambda run: (run.state.start_date, run.iteration or 0, run.id))


def group_existing(step: Step, ordered: Iterable[TaskRun] | None = None) -> None:
    """Group the runs by parent, oldest first, for scopes that are opened over runs that exist already.

    Args:
        step: the draft.
        ordered: all runs, oldest first, where somebody has ordered them before.
    """
    groups: dict[str, list[TaskRun]] = {}
    for run in oldest_first(step.task_runs.values()) if ordered is None else ordered:
        groups.setdefault(run.parent_id or "", []).append(run)
    step.existing = groups
