"""Scopes: opens a flowable (or the root), creates its next children, and closes it. One child more or less costs O(log n)."""

from immutables import Map

from kestra_stream.engine.draft.kept import set_broken
from kestra_stream.engine.draft.runs import put
from kestra_stream.engine.draft.work import cut, postpone
from kestra_stream.engine.plan import ROOT, Node, Section
from kestra_stream.engine.rules.outcomes import final_state
from kestra_stream.engine.state import Chunked, Scope, WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.ids import derived_id
from kestra_stream.models.state import CREATED_LIKE, S, StateType

_OPEN = frozenset({S.RUNNING, S.PAUSED, S.KILLING})


def owner_of(step: Step, scope_id: str) -> Node:
    """Return the node of the flowable whose scope this is."""
    return step.plan.root if scope_id == ROOT else step.plan.nodes[step.task_runs[scope_id].task_id]


# -- opening ---------------------------------------------------------------------------------------------------------


def open_scope(step: Step, scope_id: str, scope: Scope) -> None:
    """Begin a flowable: take over the children that exist already (after a restart or restore), else create the first ones."""
    existing = step.existing.get(scope_id) if step.existing is not None else None
    owner = owner_of(step, scope_id)
    if isinstance(owner.behaviour, b.Dag):
        scope = scope._replace(ready=tuple(child.index for child in owner.children(Section.MAIN) if not child.waits_for))
    step.put_scope(scope_id, scope)
    if existing:
        _adopt(step, scope_id, owner, existing)
    start_more(step, scope_id)
    close_when_done(step, scope_id)


def _adopt(step: Step, scope_id: str, owner: Node, runs: list[TaskRun]) -> None:
    """Count existing children in, as if they had just been created; ended ones are folded again, failures first."""
    scope = step.scopes[scope_id]
    kept = _kept_for_later(owner, runs)
    runs = [run for run in runs if run.id not in kept and not run.dynamic]
    main = [run for run in runs if step.node(run).section is Section.MAIN]
    sections = {step.node(run).section for run in runs}
    section = next((s for s in (Section.AFTER, Section.FINALLY, Section.ERRORS) if s in sections), scope.section)
    if isinstance(owner.behaviour, b.ForEach):
        places = {run.iteration for run in main}
        created = len(main) if not owner.behaviour.in_order else max((place or 0 for place in places), default=-1) + 1
        running = len(main) if not owner.behaviour.in_order else len(places)
    else:
        created = max((step.node(run).index for run in main), default=-1) + 1
        running = len(main)
    taken = {step.node(run).index for run in main}
    flowables = {run.id: None for run in runs if not run.state.is_terminal and step.node(run).is_flowable}
    step.put_scope(
        scope_id,
        scope._replace(
            section=section,
            created=created,
            running=running,
            open=len(runs),
            ready=tuple(place for place in scope.ready if place not in taken),
            open_flowables=scope.open_flowables.update(flowables),
            kept=kept,
        ),
    )
    for run in sorted(runs, key=lambda run: run.state.current not in {S.FAILED, S.KILLED}):
        _adopt_run(step, run)


def _kept_for_later(owner: Node, runs: list[TaskRun]) -> Map[str, None]:
    """Runs that a replay has kept of values whose turn has not come: those beyond the limit of a loop."""
    loop = owner.behaviour
    if not isinstance(loop, b.ForEach) or not loop.in_order or not loop.concurrency:
        return Map()
    by_value: dict[int, list[TaskRun]] = {}
    for run in runs:
        by_value.setdefault(run.iteration or 0, []).append(run)
    width = len(owner.children(Section.MAIN))
    begun = [
        place for place in sorted(by_value) if len(by_value[place]) < width or not all(run.state.is_terminal for run in by_value[place])
    ]
    return Map({run.id: None for place in begun[loop.concurrency :] for run in by_value[place]})


def _adopt_run(step: Step, run: TaskRun) -> None:
    if run.state.is_terminal:
        step.push(WorkKind.FOLD, run.id)
    elif run.state.current in CREATED_LIKE and not run.sent:
        step.push(WorkKind.DISPATCH, run.id)
    elif not run.sent and run.state.current in _OPEN and _has_scope(step.node(run), run):
        step.push(WorkKind.REOPEN, run.id)


def _has_scope(node: Node, run: TaskRun) -> bool:
    """Whether an open run has children that the engine counts: those of a group, or what a Pause runs as it begins."""
    return bool(node.children(Section.ON_PAUSE)) or (node.is_group and run.state.current is not S.PAUSED)


# -- creating children -------------------------------------------------------------------------------------------------


def create(step: Step, scope_id: str, node: Node, value: str | None = None, iteration: int | None = None, places: int = 0) -> None:
    """Create the run of a child task, or take over the one that a replay has kept; nothing when it is there already.

    `places` is 1 when it is the next one of its branch, and takes a place.
    """
    run_id = derived_id(step.execution.id, scope_id, node.id, value or "", "" if iteration is None else str(iteration))
    scope = step.scopes[scope_id]
    if run_id in step.task_runs:
        return _take_over(step, scope_id, run_id, places)
    # a run may come again after a restart has dropped it: its epochs go on where no report of its former life can meet them
    epoch = step.state.sequence
    put(step, TaskRun(run_id, node.id, step.fresh, scope_id or None, value, iteration, epoch=epoch))
    step.push(WorkKind.DISPATCH, run_id)
    step.budget -= 1
    flowables = scope.open_flowables.set(run_id, None) if node.is_flowable else None
    step.put_scope(scope_id, scope.moved(places, places, 1, flowables))
    return None


def _take_over(step: Step, scope_id: str, run_id: str, places: int) -> None:
    scope = step.scopes[scope_id]
    if run_id in scope.kept:
        scope = scope._replace(open=scope.open + 1, kept=scope.kept.delete(run_id))
        step.push(WorkKind.FOLD, run_id)
    step.put_scope(scope_id, scope.moved(places, places))


def start_more(step: Step, scope_id: str) -> None:
    """Create as many main children as there are places for; a big fan-out goes on in a later step."""
    scope = step.scopes.get(scope_id)
    if scope is None or scope.section is not Section.MAIN or scope.failed or scope.killed or step.is_killing:
        return
    owner = owner_of(step, scope_id)
    match owner.behaviour:
        case b.Parallel(concurrent=limit):
            _start_side_by_side(step, scope_id, owner, limit)
        case b.Dag(concurrent=limit):
            _start_ready(step, scope_id, owner, limit)
        case b.ForEach():
            _start_values(step, scope_id, owner, owner.behaviour)
        case _:
            _start_in_a_row(step, scope_id, owner)


def _start_in_a_row(step: Step, scope_id: str, owner: Node) -> None:
    scope = step.scopes[scope_id]
    children = owner.children(scope.branch)
    if scope.running or scope.created >= len(children):
        return
    iteration = scope.iteration if isinstance(owner.behaviour, b.LoopUntil) else None
    create(step, scope_id, children[scope.created], iteration=iteration, places=1)


def _start_side_by_side(step: Step, scope_id: str, owner: Node, limit: int) -> None:
    children = owner.children(Section.MAIN)
    while (scope := step.scopes[scope_id]).created < len(children) and _has_place(scope, limit):
        if step.budget <= 0:
            return continue_later(step, scope_id)
        create(step, scope_id, children[scope.created], places=1)
    return None


def _start_ready(step: Step, scope_id: str, owner: Node, limit: int) -> None:
    children = owner.children(Section.MAIN)
    while (scope := step.scopes[scope_id]).ready and _has_place(scope, limit):
        if step.budget <= 0:
            return continue_later(step, scope_id)
        step.put_scope(scope_id, scope._replace(ready=scope.ready[1:]))
        create(step, scope_id, children[scope.ready[0]], places=1)
    return None


def _start_values(step: Step, scope_id: str, owner: Node, loop: b.ForEach) -> None:
    children = owner.children(Section.MAIN)
    values = step.scopes[scope_id].values or Chunked(())
    width = 1 if loop.in_order else len(children)
    while (scope := step.scopes[scope_id]).created < len(values) * width and _has_place(scope, loop.concurrency):
        if step.budget <= 0:
            return continue_later(step, scope_id)
        place, child = divmod(scope.created, width)
        create(step, scope_id, children[child], values[place], place, places=1)
    return None


def _has_place(scope: Scope, limit: int) -> bool:
    return not limit or scope.running < limit


def continue_later(step: Step, scope_id: str) -> None:
    """Cut a long piece of work: the rest waits for a `Continued`."""
    postpone(step, (WorkKind.ADVANCE, scope_id))
    cut(step)


# -- after a child -------------------------------------------------------------------------------------------------


def fold(step: Step, run_id: str) -> None:
    """Let the end of a run count in the flowable around it: next child, next branch, or the flowable's own end."""
    run = step.task_runs.get(run_id)
    if run is None or run.dynamic:
        return
    scope_id = run.parent_id or ROOT
    scope = step.scopes.get(scope_id)
    if scope is None:
        return
    node = step.node(run)
    step.put_scope(scope_id, _counted(scope, node, run))
    if step.is_killing:
        if step.scopes[scope_id].open == 0:
            close(step, scope_id)
    elif node.section is Section.MAIN:
        _after_main_child(step, scope_id, node, run)
    elif node.section is not Section.ON_PAUSE and node.section is step.scopes[scope_id].section:
        _after_branch_child(step, scope_id, node)


def _counted(scope: Scope, node: Node, run: TaskRun) -> Scope:
    flowables = scope.open_flowables.delete(run.id) if run.id in scope.open_flowables else scope.open_flowables
    if node.section is not Section.MAIN:
        return scope.moved(0, 0, -1, flowables)
    assert node.parent is not None  # noqa: S101 - only the root has no parent
    keeps_place = isinstance(node.parent.behaviour, b.ForEach) and node.parent.behaviour.in_order
    return scope.with_ended(run.state.current, 0 if keeps_place else 1, flowables)


def _after_main_child(step: Step, scope_id: str, node: Node, run: TaskRun) -> None:
    scope = step.scopes[scope_id]
    if scope.section is not Section.MAIN:
        return
    if scope.killed:
        close(step, scope_id)
    elif scope.failed:
        enter(step, scope_id, Section.ERRORS)
    else:
        assert node.parent is not None  # noqa: S101 - only the root has no parent
        match node.parent.behaviour:
            case b.ForEach(in_order=True):
                _go_on_with_value(step, scope_id, node, run)
            case b.Dag():
                _release_dependents(step, scope_id, node)
            case _:
                pass
        start_more(step, scope_id)
        close_when_done(step, scope_id)


def _go_on_with_value(step: Step, scope_id: str, node: Node, run: TaskRun) -> None:
    assert node.parent is not None  # noqa: S101 - only the root has no parent
    children = node.parent.children(Section.MAIN)
    if node.index + 1 < len(children):
        create(step, scope_id, children[node.index + 1], run.value, run.iteration)
    else:
        scope = step.scopes[scope_id]
        step.put_scope(scope_id, scope.moved(0, -1))


def _release_dependents(step: Step, scope_id: str, node: Node) -> None:
    if not node.blocks:
        return
    scope = step.scopes[scope_id]
    met, fresh = scope.met, []
    for other in node.blocks:
        count = met.get(other.index, 0) + 1
        met = met.set(other.index, count)
        if count == len(other.waits_for) and not _is_created(step, scope_id, other):
            fresh.append(other.index)
    step.put_scope(scope_id, scope._replace(met=met, ready=tuple(sorted((*scope.ready, *fresh))) if fresh else scope.ready))


def _is_created(step: Step, scope_id: str, node: Node) -> bool:
    """Tell whether a child of a Dag has a run already (after a restart or restore)."""
    return derived_id(step.execution.id, scope_id, node.id, "", "") in step.task_runs


def _after_branch_child(step: Step, scope_id: str, node: Node) -> None:
    owner = owner_of(step, scope_id)
    branch = owner.children(node.section)
    following = node.index + 1
    if node.section is Section.AFTER:
        step.push(WorkKind.AFTER, str(following))
    elif following < len(branch):
        create(step, scope_id, branch[following])
    elif node.section is Section.ERRORS:
        enter(step, scope_id, Section.FINALLY)
    else:
        close(step, scope_id)


def enter(step: Step, scope_id: str, section: Section) -> None:
    """Begin the errors or finally branch; where there is none, go on to what comes after it."""
    children = owner_of(step, scope_id).children(section)
    if children:
        step.put_scope(scope_id, step.scopes[scope_id]._replace(section=section))
        create(step, scope_id, children[0])
    elif section is Section.ERRORS:
        enter(step, scope_id, Section.FINALLY)
    else:
        close(step, scope_id)


# -- branches after a worker's attempt -----------------------------------------------------------------------------------


def has_branch_after(step: Step, run: TaskRun, state: StateType) -> bool:
    """Whether a task that a worker has run (a WorkingDirectory) has a branch for this end of it."""
    node = step.node(run)
    if not isinstance(node.behaviour, b.Run) or state is S.KILLED or step.is_killing:
        return False
    return bool(node.children(Section.FINALLY) or (state is S.FAILED and node.children(Section.ERRORS)))


def after_attempt(run: TaskRun) -> Scope:
    """The scope of a task that a worker has run: what its last attempt has come to counts as its main branch."""
    last = run.attempts[-1].state.current
    return Scope(failed=int(last is S.FAILED), warned=int(last is S.WARNING))


# -- closing -----------------------------------------------------------------------------------------------------------


def is_done(step: Step, scope_id: str) -> bool:
    """Tell whether the main branch is the present one, and each of its children has ended well."""
    scope = step.scopes.get(scope_id)
    if scope is None or scope.section is not Section.MAIN or scope.failed or scope.killed:
        return False
    return scope.ended >= _expected(owner_of(step, scope_id), scope)


def break_scope(step: Step, scope_id: str) -> None:
    """Let a flowable fail by itself, without a child that has."""
    scope = step.scopes[scope_id]
    step.put_scope(scope_id, scope._replace(failed=scope.failed + 1))
    set_broken(step, scope_id)


def close_when_done(step: Step, scope_id: str) -> None:
    """Leave the main branch once each of its children has ended."""
    if not is_done(step, scope_id):
        return
    owner = owner_of(step, scope_id)
    if isinstance(owner.behaviour, b.LoopUntil):
        step.push(WorkKind.LOOP, scope_id)
    else:
        enter(step, scope_id, Section.FINALLY)


def _expected(owner: Node, scope: Scope) -> int:
    children = len(owner.children(scope.branch))
    return children * len(scope.values) if scope.values is not None else children


def close(step: Step, scope_id: str) -> None:
    """End a flowable in the state that its main children give it; what is still open inside it ends with it."""
    scope = step.scopes[scope_id]
    state = state_of(step, scope)
    step.scopes = step.scopes.delete(scope_id)
    if scope_id == ROOT:
        step.end = state
    else:
        run = step.task_runs[scope_id]
        state = final_state(step, run, state)
        put(step, run.with_state(state, step.now))
    close_flowables(step, sorted(scope.open_flowables), state)


def close_flowables(step: Step, run_ids: list[str], state: StateType) -> None:
    """End open flowables, and those inside them, with the state of the one around them."""
    for run_id in run_ids:
        run = step.task_runs.get(run_id)
        if run is None or run.state.is_terminal:
            continue
        inner = step.scopes.get(run_id)
        put(step, run.with_state(state, step.now))
        if inner is not None:
            close_flowables(step, sorted(inner.open_flowables), state)


def state_of(step: Step, scope: Scope) -> StateType:
    """Fold the states of the main children: the worst wins."""
    if scope.killed or step.is_killing:
        return S.KILLED
    if scope.failed:
        return S.FAILED
    return S.WARNING if scope.warned else S.SUCCESS
