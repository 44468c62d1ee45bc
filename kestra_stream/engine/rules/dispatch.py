"""Dispatch: a created task run becomes a worker's job, an open flowable, a child execution or an immediate result.

A job whose worker group has lost its last worker while it waits ends as the group's `fallback` says:

offered ──> waits ── look ── look ── ... ──> begun
                               └─ no worker of the group lives any more ──> `NoWorker`, where the state is checked

That is first asked when the job is sent; while it waits the execution is woken from time to time, and whoever executes the commands
knows which groups have workers.
"""

from datetime import timedelta

from kestra_stream.engine import commands as c
from kestra_stream.engine.context import pruned, render
from kestra_stream.engine.draft.runs import put
from kestra_stream.engine.draft.timers import set_timer
from kestra_stream.engine.plan import Node
from kestra_stream.engine.rules import deadlines, flowables, pauses, subflows, updates
from kestra_stream.engine.rules.outcomes import end, fail
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError, InvalidExpression
from kestra_stream.expression import is_truthy
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.state import CREATED_LIKE, S
from kestra_stream.models.stored_state import Phase, TimerKind
from kestra_stream.models.task import WorkerGroup

LOOK = timedelta(seconds=10)
_GROUPS = "groups"


def dispatch(step: Step, run_id: str) -> None:
    """Send a created (or restarted) run on its way.

    Raises:
        LookupNeeded: an expression wants IO first.
    """
    run = step.task_runs.get(run_id)
    if run is None or run.sent or run.state.current not in CREATED_LIKE:
        return None
    node = step.node(run)
    if step.is_killing or not is_live(step, run, node):
        return put(step, run.with_state(S.KILLED, step.now))
    if node.id in step.execution.breakpoints and not node.is_after:
        return _stop_at_breakpoint(step, run)
    try:
        if node.run_if is not None and not is_truthy(render(step, run, node.run_if.source)):
            end(step, run, S.SKIPPED)
        else:
            limit = deadlines.limit_of(step, node, run)
            start(step, node, run)
            deadlines.watch(step, step.task_runs[run_id], limit)
    except (ExpressionError, InvalidExpression) as error:
        fail(step, step.task_runs[run_id], str(error))
    return None


def is_live(step: Step, run: TaskRun, node: Node) -> bool:
    """Whether what holds the run is still open."""
    if run.parent_id is not None:
        around = step.task_runs.get(run.parent_id)
        return around is not None and not around.state.is_terminal
    return step.phase is (Phase.AFTER if node.is_after else Phase.ALIVE)


def start(step: Step, node: Node, run: TaskRun) -> None:
    """Do what the task's behaviour asks for."""
    match node.behaviour:
        case b.Run():
            offer(step, node, run, node.behaviour)
        case b.CallFlow():
            subflows.call(step, node, run, node.behaviour)
        case b.Pause():
            pauses.start_pause(step, run, node.behaviour)
        case b.SetLabels() | b.SetVariables() | b.UnsetVariables() | b.Exit():
            updates.apply(step, run, node.behaviour)
        case _:
            flowables.start_flowable(step, node, run)


def offer(step: Step, node: Node, run: TaskRun, work: b.Run) -> None:
    """Offer the next attempt of a run to the workers, under a new epoch."""
    task, head = node.task, step.execution
    assert task is not None  # noqa: S101 - the root has no runs
    group = group_of(step, run)
    job = TaskJob(
        execution_id=head.id,
        namespace=head.namespace,
        flow_id=head.flow_id,
        flow_revision=head.flow_revision,
        task_id=run.task_id,
        task_run_id=run.id,
        epoch=run.epoch + 1,
        attempt=len(run.attempts),
        created_at=run.state.start_date,
        value=run.value,
        iteration=run.iteration,
        parent_id=run.parent_id,
        retry=node.retry if work.tasks else None,
        variables={**pruned(step, run, node.references), **subflows.merge_variables(step, node, run)},
        worker_group=group.key if group is not None else None,
        tenant_id=head.tenant_id,
        sequence=step.state.sequence + 1,
    )
    step.offered.append((run.id, run.epoch + 1))
    put(step, run.dispatched())
    step.command(c.Offer(job, group.fallback if group is not None else "WAIT"))
    watch_group(step, group)


def group_of(step: Step, run: TaskRun) -> WorkerGroup | None:
    """Return the worker group that runs a task: its own, else that of the flow."""
    task = step.node(run).task
    return (task.worker_group if task is not None else None) or step.plan.flow.worker_group


def watch_group(step: Step, group: WorkerGroup | None) -> None:
    """A job was sent to a group: look after it, if not waiting is what happens when nobody serves it."""
    if group is not None and group.fallback != "WAIT" and _GROUPS not in step.timers:
        set_timer(step, _GROUPS, step.now + LOOK, TimerKind.GROUP, "")


def look_for_workers(step: Step) -> None:
    """Ask for all runs that wait for a worker whether there is one."""
    for run_id in sorted(step.open_runs):
        run = step.task_runs[run_id]
        if not run.sent or run.state.current not in CREATED_LIKE:
            continue
        group = group_of(step, run)
        if group is not None and group.fallback != "WAIT":
            step.command(c.AskWorkers(step.execution.id, run.id, run.epoch, group.key, group.fallback))
            watch_group(step, group)


def _stop_at_breakpoint(step: Step, run: TaskRun) -> None:
    put(step, run.with_state(S.BREAKPOINT, step.now))
    step.enter(S.BREAKPOINT)
