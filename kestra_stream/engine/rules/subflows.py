"""Subflows: creates child executions, one for a Subflow or one a batch for a ForEachItem, and folds their ends into the task run."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from immutables import Map

from kestra_stream.engine.context import evaluate, flag, keep_secret, render
from kestra_stream.engine.draft.kept import set_child
from kestra_stream.engine.draft.runs import put, put_with_outputs, show_outputs, with_outputs
from kestra_stream.engine.plan import Node, Section
from kestra_stream.engine.rules import retries
from kestra_stream.engine.rules.outcomes import end
from kestra_stream.engine.rules.scopes import continue_later
from kestra_stream.engine.rules.updates import labels_of
from kestra_stream.engine.state import Batches, Scope
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import Attempt, Execution, ExecutionTrigger, Label, TaskRun
from kestra_stream.models.execution_input import Create, Kill, ParentLink, Restart, SubflowEnded, SubflowRetried
from kestra_stream.models.ids import derived_id
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, State, StateType

_COPIED = frozenset({S.FAILED, S.KILLED, S.WARNING, S.PAUSED})
_WORST_FIRST = (S.FAILED, S.KILLED, S.WARNING)


def call(step: Step, node: Node, run: TaskRun, call_flow: b.CallFlow) -> None:
    """Create the child execution(s) of a run; the run is RUNNING until they have ended.

    Raises:
        ExpressionError: namespace, flow, inputs or labels do not render.
    """
    if call_flow.batches is not None:
        return _call_batches(step, run, call_flow)
    again = (run.outputs or {}).get("executionId") if run.state.current is S.RESTARTED else None
    running = _running(step, run)
    if isinstance(again, str) and call_flow.wait and not call_flow.new_execution_on_restart:
        link = ParentLink(step.execution.id, run.id, running.epoch, wait=True, outputs=call_flow.outputs)
        set_child(step, again, (run.id, None))
        put_with_outputs(step, running)
        return step.tell(again, Restart(parent=link))
    child_id = derived_id(step.execution.id, "subflow", run.id, str(running.epoch))
    create = _creation(step, running, node, call_flow, child_id, None)
    put_with_outputs(step, with_outputs(running, {"executionId": child_id}))
    set_child(step, child_id, (run.id, None))
    return step.tell(child_id, create)


def _running(step: Step, run: TaskRun) -> TaskRun:
    attempt = Attempt(State.created(step.now).to(S.RUNNING, step.now))
    return replace(run, state=run.state.to(S.RUNNING, step.now), epoch=run.epoch + 1, sent=True, attempts=(*run.attempts, attempt))


def _creation(step: Step, run: TaskRun, node: Node, call_flow: b.CallFlow, child_id: str, batch: tuple[int, str] | None) -> Create:
    """Render what the child is created with. `batch` is the 1-based number and URI of a batch."""
    head = step.execution
    extra: dict[str, object] | None = None
    if batch is not None:
        taskrun = {"id": run.id, "startDate": run.state.start_date, "iteration": batch[0], "items": batch[1]}
        extra = {"taskrun": taskrun if run.value is None else {**taskrun, "value": run.value}}
    inputs = keep_secret(step, render(step, run, dict(call_flow.inputs), extra), child_id)
    namespace = str(render(step, run, call_flow.namespace))
    flow_id = str(render(step, run, call_flow.flow_id))
    inherits = flag(step, run, call_flow.inherit_labels)
    inherited = tuple(label for label in head.labels if inherits or label.key.startswith("system."))
    labels = _with_correlation((*inherited, *(labels_of(step, run, call_flow.labels) if call_flow.labels else ())), head.id)
    variables = {
        "executionId": head.id,
        "namespace": head.namespace,
        "flowId": head.flow_id,
        "flowRevision": head.flow_revision,
        "taskRunId": run.id,
        "taskId": run.task_id,
    }
    if batch is not None:
        variables["taskRunIteration"] = batch[0]
    child = Execution(
        id=child_id,
        namespace=namespace,
        flow_id=flow_id,
        flow_revision=call_flow.revision or 0,
        state=State.created(step.now),
        tenant_id=head.tenant_id,
        labels=labels,
        trigger=ExecutionTrigger(node.id, node.type_name, variables),
        original_id=child_id,
        schedule_date=_date(step, run, call_flow.schedule_date),
    )
    link = ParentLink(head.id, run.id, run.epoch, batch[0] if batch is not None else None, call_flow.wait, call_flow.outputs)
    return Create(child, provided_inputs=inputs, parent=link)


def _with_correlation(labels: tuple[Label, ...], root_id: str) -> tuple[Label, ...]:
    if any(label.key == "system.correlationId" for label in labels):
        return labels
    return (*labels, Label("system.correlationId", root_id))


def _date(step: Step, run: TaskRun, raw: object) -> datetime | None:
    if raw is None:
        return None
    value = evaluate(step, run, raw)
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise ExpressionError(f"scheduleDate must be a date such as 2030-01-31T10:00:00Z, not `{value}`") from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


# -- the end of a child ------------------------------------------------------------------------------------------------


def subflow_ended(step: Step, message: SubflowEnded) -> None:
    """A child has ended (or was created, when nobody waits; or could not be created at all)."""
    run = step.task_runs.get(message.task_run_id)
    if message.child_id in step.children:
        set_child(step, message.child_id, None)
    if run is None or run.epoch != message.epoch or not run.sent:
        return None
    behaviour = step.node(run).behaviour
    if not isinstance(behaviour, b.CallFlow):
        return None
    if message.error is not None:
        step.log(Level.ERROR, message.error, run)
    state = _transmitted(behaviour, message)
    if message.iteration is not None:
        return _batch_ended(step, run, message, behaviour)
    outputs: dict[str, object] = {"executionId": message.child_id}
    if behaviour.wait and message.error is None:
        outputs |= {"state": message.state.value, "outputs": message.outputs or {}}
    return conclude(step, with_outputs(run, outputs), state, message.error)


def subflow_retried(step: Step, message: SubflowRetried) -> None:
    """Wait for the new execution in place of the old one; it dies at once when nobody wants it any more."""
    run = step.task_runs.get(message.task_run_id)
    waiting = step.children.get(message.child_id)
    if waiting is None or run is None or run.epoch != message.epoch or not run.sent or step.is_killing:
        step.tell(message.new_child_id, Kill())
    if waiting is not None:
        set_child(step, message.child_id, None)
        set_child(step, message.new_child_id, waiting)


def _transmitted(call_flow: b.CallFlow, message: SubflowEnded) -> StateType:
    if message.error is not None:
        return S.FAILED
    if not call_flow.wait or not call_flow.transmit_failed or message.state not in _COPIED:
        return S.SUCCESS
    return message.state


def conclude(step: Step, run: TaskRun, state: StateType, message: str | None) -> None:
    """End the attempt of a call with what came of it."""
    last = run.attempts[-1]
    run = replace(run, attempts=(*run.attempts[:-1], replace(last, state=last.state.to(state, step.now))))
    show_outputs(step, run)
    retries.conclude(step, run, state, message)


# -- batches of a ForEachItem --------------------------------------------------------------------------------------------


def _split_outputs(step: Step, run: TaskRun, call_flow: b.CallFlow) -> Mapping[str, Any]:
    split_id = derived_id(step.execution.id, run.parent_id or "", str(call_flow.batches), "", "")
    return step.task_runs[split_id].outputs or {}


def _call_batches(step: Step, run: TaskRun, call_flow: b.CallFlow) -> None:
    split = _split_outputs(step, run, call_flow)
    total = int(split.get("numberOfBatches", 0))
    if total == 0:
        return end(step, run.with_state(S.RUNNING, step.now), S.SUCCESS)
    running = _running(step, run)
    step.put_scope(run.id, Scope(section=Section.MAIN, batches=Batches(total)))
    put_with_outputs(step, with_outputs(running, {"numberOfBatches": total, "iterations": {"CREATED": total}}))
    return start_batches(step, run.id)


def start_batches(step: Step, run_id: str) -> None:
    """Create the next child executions of a ForEachItem; many of them are cut into several steps."""
    scope, run = step.scopes[run_id], step.task_runs[run_id]
    node = step.node(run)
    call_flow = node.behaviour
    assert scope.batches is not None and isinstance(call_flow, b.CallFlow)  # noqa: S101, PT018 - nothing else has batches
    base = str(_split_outputs(step, run, call_flow)["base"])
    total = scope.batches.total
    while scope.created < total:
        if step.budget <= 0:
            return continue_later(step, run_id)
        number = scope.created + 1
        child_id = derived_id(step.execution.id, "subflow", run.id, str(run.epoch), str(number))
        create = _creation(step, run, node, call_flow, child_id, (number, batch_uri(base, number)))
        scope = scope._replace(created=number)
        step.put_scope(run_id, scope)
        step.parts[f"batches/{run_id}"] = (total, number)
        set_child(step, child_id, (run_id, number))
        step.budget -= 1
        step.tell(child_id, create)
    return None


def batch_uri(base: str, number: int) -> str:
    """Name the file of a batch: the split task writes them so, which spares the engine a look into the list."""
    return f"{base}/{number}.ion"


def _batch_ended(step: Step, run: TaskRun, message: SubflowEnded, call_flow: b.CallFlow) -> None:
    scope = step.scopes.get(run.id)
    number = message.iteration
    if scope is None or scope.batches is None or number is None or number in scope.batches.ended:
        return
    state = message.state if message.error is None else S.FAILED
    counts = dict(scope.batches.counts)
    counts[state.value] = counts.get(state.value, 0) + 1
    batches = Batches(scope.batches.total, scope.batches.ended.set(number, state), counts)
    step.put_scope(run.id, scope._replace(batches=batches))
    step.parts[f"batch/{run.id}/{number}"] = (state, message.outputs)
    if message.outputs:
        mine = step.batch_outputs.get(run.id, Map())
        step.batch_outputs = step.batch_outputs.set(run.id, mine.set(number, message.outputs))
    left = batches.total - len(batches.ended)
    shown = {"iterations": counts if not left else {**counts, "RUNNING": left}}
    run = with_outputs(run, shown)
    if left:
        put(step, run)
    else:
        step.parts[f"batches/{run.id}"] = None
        conclude(step, run, _batches_state(batches, call_flow), message.error)


def _batches_state(batches: Batches, call_flow: b.CallFlow) -> StateType:
    if not call_flow.transmit_failed or not call_flow.wait:
        return S.SUCCESS
    return next((state for state in _WORST_FIRST if batches.counts.get(state.value)), S.SUCCESS)


def merge_variables(step: Step, node: Node, run: TaskRun) -> dict[str, object]:
    """Hand the outputs of all batches, in order, to the task that merges them; nothing to any other task."""
    if node.parent is None or node.index == 0 or not step.batch_outputs:
        return {}
    before = node.parent.children(node.section)[node.index - 1]
    if not isinstance(before.behaviour, b.CallFlow) or before.behaviour.batches is None:
        return {}
    items_id = derived_id(step.execution.id, run.parent_id or "", before.id, "", "")
    found = step.batch_outputs.get(items_id)
    return {"subflowOutputs": [found[number] for number in sorted(found)]} if found else {}
