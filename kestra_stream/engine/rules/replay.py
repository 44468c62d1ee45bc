"""Replay: a new execution made from this one, from the start or from a task run; what comes after that run is left out."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from kestra_stream.engine.plan import Node, Section
from kestra_stream.engine.step import Step
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_input import Create, ParentLink, Replay
from kestra_stream.models.ids import derived_id
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, State


def replay(step: Step, message: Replay) -> None:
    """Send the new execution its `Create`."""
    head = replace(_copy_of_head(step, message.new_id, message.revision), breakpoints=message.breakpoints)
    provided = None
    if message.inputs is not None:
        provided = {**step.execution.inputs, **message.inputs}
    runs: tuple[TaskRun, ...] = ()
    if message.task_run_id is not None:
        target = step.task_runs.get(message.task_run_id)
        if target is None or target.dynamic or step.node(target).is_after:
            return step.log(Level.WARN, f"the task run `{message.task_run_id}` can not be replayed from")
        target = _pause_around(step, target)
        runs = _copies(step, message.new_id, [target], _kept(step, target))
    return step.tell(message.new_id, Create(head, provided, runs))


def _pause_around(step: Step, target: TaskRun) -> TaskRun:
    """Return the Pause for a run of its `onPause`, which begins anew with it; the run itself for any other."""
    run: TaskRun | None = target
    while run is not None:
        around = step.parent_run(run)
        if around is not None and step.node(run).section is Section.ON_PAUSE:
            target = around
        run = around
    return target


def copy_from_start(step: Step, new_id: str, parent: ParentLink | None) -> Create:
    """Return the creation of the same execution anew."""
    return Create(_copy_of_head(step, new_id, None), parent=parent)


def copy_for_restart(step: Step, new_id: str, revision: int, targets: Iterable[TaskRun]) -> Create:
    """Return the creation of an execution of another revision that goes on from the failed runs; tasks it does not know are left out."""
    chosen = list(targets)
    gone = {run.id for run in chosen}
    kept = [run for run in _in_order(step) if run.parent_id not in gone and not _is_side(step, run)]
    return Create(_copy_of_head(step, new_id, revision), None, _copies(step, new_id, chosen, kept))


def _copy_of_head(step: Step, new_id: str, revision: int | None) -> Execution:
    head = step.execution
    return Execution(
        id=new_id,
        namespace=head.namespace,
        flow_id=head.flow_id,
        flow_revision=revision or head.flow_revision,
        state=State.created(step.now),
        tenant_id=head.tenant_id,
        inputs=head.inputs,
        labels=head.labels,
        variables=head.variables,
        trigger=head.trigger,
        parent_id=head.id,
        original_id=head.original_id or head.id,
        attempt_number=head.attempt_number + 1,
        original_created_date=head.original_created_date,
        kind=head.kind,
    )


def _is_side(step: Step, run: TaskRun | None) -> bool:
    while run is not None:
        if step.node(run).section is not Section.MAIN:
            return True
        run = step.parent_run(run)
    return False


def _kept(step: Step, target: TaskRun) -> list[TaskRun]:
    """All runs but the target's successors, those inside the target, and side branches."""
    chain = {target.id: target}
    around = step.parent_run(target)
    while around is not None:
        chain[around.id] = around
        around = step.parent_run(around)
    by_parent = {run.parent_id: run for run in chain.values()}
    memo: dict[str, bool] = {}

    def is_kept(run: TaskRun) -> bool:
        if run.id not in memo:
            memo[run.id] = _is_kept(run)
        return memo[run.id]

    def _is_kept(run: TaskRun) -> bool:
        if run.id in chain:
            return True
        if run.parent_id == target.id or step.node(run).section is not Section.MAIN:
            return False
        sibling = by_parent.get(run.parent_id)
        if sibling is not None:
            return not _follows(step, run, sibling)
        parent = step.parent_run(run)
        return parent is not None and is_kept(parent)

    return [run for run in _in_order(step) if is_kept(run)]


def _in_order(step: Step) -> list[TaskRun]:
    """Return all runs in an order that every process sees alike; that of the map is not."""
    return sorted(step.task_runs.values(), key=lambda run: (run.state.start_date, run.id))


def _follows(step: Step, run: TaskRun, target: TaskRun) -> bool:
    """Whether a run comes after its sibling in the order of their flowable; what stands before it stays for every value of a loop."""
    node, other = step.node(run), step.node(target)
    match node.parent.behaviour if node.parent is not None else None:
        case b.Parallel():
            return False
        case b.Dag():
            return _depends(node, other.id)
        case b.ForEach(in_order=in_order, concurrency=concurrency):
            if run.iteration == target.iteration:
                return in_order and node.index > other.index
            is_later = in_order and concurrency == 1 and (run.iteration or 0) > (target.iteration or 0)
            return is_later and node.index >= other.index
        case _:
            return node.index > other.index


def _depends(node: Node, wanted: str) -> bool:
    assert node.parent is not None  # noqa: S101 - a child of a Dag has one
    siblings: Mapping[str, Any] = {child.id: child for child in node.parent.children(Section.MAIN)}
    return any(name == wanted or _depends(siblings[name], wanted) for name in node.waits_for)


def _copies(step: Step, new_id: str, targets: list[TaskRun], kept: Iterable[TaskRun]) -> tuple[TaskRun, ...]:
    """Give the kept runs ids of the new execution; targets are RESTARTED, what is around them RUNNING, what had not ended begins anew."""
    kept = list(kept)
    ids: dict[str, str] = {}
    by_id = {run.id: run for run in kept}

    def new_run_id(run: TaskRun) -> str:
        if run.id not in ids:
            parent = new_run_id(by_id[run.parent_id]) if run.parent_id is not None else ""
            ids[run.id] = derived_id(new_id, parent, run.task_id, run.value or "", "" if run.iteration is None else str(run.iteration))
        return ids[run.id]

    chosen = {run.id for run in targets}
    around: set[str] = set()
    for run in targets:
        parent = step.parent_run(run)
        while parent is not None:
            around.add(parent.id)
            parent = step.parent_run(parent)
    copies = []
    for run in kept:
        state = run.state.to(S.RESTARTED, step.now) if run.id in chosen else run.state
        state = state.to(S.RUNNING, step.now) if run.id in around or state.current is S.KILLING else state
        parent_id = ids.get(run.parent_id) or new_run_id(by_id[run.parent_id]) if run.parent_id is not None else None
        copy = replace(run, id=new_run_id(run), parent_id=parent_id, state=state, epoch=0, sent=False)
        copies.append(replace(copy, state=State.created(step.now), attempts=(), outputs=None) if _begins_anew(step, run, chosen) else copy)
    return tuple(copies)


def _begins_anew(step: Step, run: TaskRun, targets: Container[str]) -> bool:
    """Whether nothing of a run is taken over: it had not ended, or its child executions belong to the old execution."""
    behaviour = step.node(run).behaviour
    if isinstance(behaviour, b.CallFlow) and run.id in targets:
        return True
    if run.state.is_terminal:
        return False
    return not step.node(run).is_flowable or (isinstance(behaviour, b.Pause) and run.state.current is not S.RUNNING)
