"""Start: a new execution gets its inputs, waits for its date and its slot, and begins."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from kestra_stream.engine import commands as c
from kestra_stream.engine.context import evaluate, reveal
from kestra_stream.engine.draft.runs import group_existing, put_with_outputs
from kestra_stream.engine.draft.timers import cancel_timer, set_timer
from kestra_stream.engine.inputs import resolve_inputs
from kestra_stream.engine.limiter import flow_scope
from kestra_stream.engine.plan import ROOT
from kestra_stream.engine.rules import scopes
from kestra_stream.engine.rules.updates import merged_labels
from kestra_stream.engine.state import Scope, WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.engine.vault import ENCRYPTED, opened
from kestra_stream.errors import ExpressionError, InvalidExpression, InvalidInputs
from kestra_stream.models.execution import Execution, Label
from kestra_stream.models.execution_input import Admitted, Create, ForceRun, Refused, SubflowEnded, Unqueue
from kestra_stream.models.flow import Concurrency, MaxDurationSla
from kestra_stream.models.messages import AcquireSlot, ReleaseSlot
from kestra_stream.models.records import Level
from kestra_stream.models.state import S, StateType
from kestra_stream.models.stored_state import Phase, TimerKind

_ON_FULL = {Concurrency.Behavior.QUEUE: S.QUEUED, Concurrency.Behavior.CANCEL: S.CANCELLED, Concurrency.Behavior.FAIL: S.FAILED}


def scope_of(execution: Execution) -> str:
    """Name the limiter's scope of an execution's flow."""
    return flow_scope(execution.tenant_id, execution.namespace, execution.flow_id)


def create(step: Step, message: Create) -> None:
    """Bring the execution to life, once."""
    if step.state.sequence:
        return
    flow, head = step.plan.flow, message.execution
    own = tuple(label for label in flow.labels if not label.key.startswith("system."))
    labels = merged_labels(own, head.labels)
    if not any(label.key == "system.correlationId" for label in labels):
        labels = (*labels, Label("system.correlationId", head.id))
    step.change_head(
        replace(
            head,
            flow_revision=flow.revision,
            labels=labels,
            original_id=head.original_id or head.id,
            original_created_date=head.original_created_date or head.state.start_date,
        )
    )
    step.parent = message.parent
    step.provided_inputs = message.provided_inputs
    for run in message.task_runs:
        put_with_outputs(step, run)
    step.queue.clear()
    for agreement in flow.sla:
        if isinstance(agreement, MaxDurationSla):
            set_timer(step, f"sla:{agreement.id}", head.state.start_date + agreement.duration, TimerKind.SLA, agreement.id)
    if message.notice is not None:
        step.log(*message.notice)
    if message.refusal is not None:
        _end_before_start(step, S.FAILED, message.refusal)
    else:
        step.push(WorkKind.BEGIN, ROOT)


def begin(step: Step) -> None:
    """Resolve the inputs, then wait for the date, then for a slot.

    Raises:
        LookupNeeded: the expression of an input wants IO first.
    """
    if step.phase is not Phase.WAITING or step.execution.state.current is not S.CREATED:
        return
    if step.provided_inputs is not None and not _resolve(step):
        return
    if step.parent is not None and not step.parent.wait:
        link, head = step.parent, step.execution
        step.tell(link.execution_id, SubflowEnded(link.task_run_id, link.epoch, head.id, S.SUCCESS, iteration=link.iteration))
    date = step.execution.schedule_date
    if date is not None and date > step.now:
        set_timer(step, "schedule", date, TimerKind.SCHEDULE, ROOT)
    else:
        ask_for_slot(step)


def _resolve(step: Step) -> bool:
    def evaluated(template: str, variables: Any) -> object:
        return evaluate(step, None, template, variables)

    def encrypted(text: str) -> Mapping[str, str]:
        return {"type": ENCRYPTED, "value": step.plan.vault.seal(text, step.execution.id, "inputs")}

    try:
        provided = opened(step.provided_inputs or {}, partial(reveal, step))
        resolved = resolve_inputs(step.plan.flow.inputs, provided, evaluated, encrypted if step.plan.vault.is_lasting else None)
    except (InvalidInputs, ExpressionError, InvalidExpression) as error:
        message = step.masked(str(error))
        link = step.parent
        if link is not None:
            step.tell(
                link.execution_id,
                SubflowEnded(link.task_run_id, link.epoch, step.execution.id, S.FAILED, iteration=link.iteration, error=message),
            )
            step.parent = None
        _end_before_start(step, S.FAILED, message)
        return False
    step.provided_inputs = None
    step.change_head(replace(step.execution, inputs=resolved.values))
    return True


def _end_before_start(step: Step, state: StateType, message: str) -> None:
    step.log(Level.ERROR, message)
    step.change_head(replace(step.execution, error=message))
    step.phase = Phase.ALIVE
    step.end = state


def ask_for_slot(step: Step) -> None:
    """Begin at once, or ask the limiter when the newest revision of the flow has a limit."""
    flow = step.newest or step.plan.flow
    limit = flow.concurrency
    if limit is None:
        return run(step)
    step.has_slot = True
    scope, execution_id = scope_of(step.execution), step.execution.id
    return step.command(c.AskLimiter(AcquireSlot(scope, execution_id, limit.limit, _ON_FULL[limit.behavior], flow.revision)))


def admitted(step: Step, message: Admitted) -> None:
    """The limiter gave a slot; one that nobody asked for any more, because the request came late once more, goes back."""
    if message.scope != scope_of(step.execution):
        return
    if step.phase is Phase.WAITING:
        run(step)
    elif not step.has_slot:
        step.command(c.AskLimiter(ReleaseSlot(message.scope, step.execution.id)))


def refused(step: Step, message: Refused) -> None:
    """There is no slot: wait in line, or end."""
    if step.phase is not Phase.WAITING:
        return
    if message.state is S.QUEUED:
        step.enter(S.QUEUED)
        return
    step.has_slot = False
    if message.state is S.FAILED:
        step.log(Level.ERROR, "Flow is FAILED due to concurrency limit exceeded")
    step.phase = Phase.ALIVE
    step.end = message.state


def force_run(step: Step, message: ForceRun | Unqueue) -> None:
    """A person runs the execution now, past date and limit, or takes it out of the line."""
    if step.phase is not Phase.WAITING:
        return
    if isinstance(message, Unqueue) and message.state is not S.RUNNING:
        step.phase = Phase.ALIVE
        step.end = message.state
        return
    cancel_timer(step, "schedule")
    run(step)


def run(step: Step) -> None:
    """Begin: the execution is RUNNING together with its first task runs."""
    step.phase = Phase.ALIVE
    step.enter(S.RUNNING)
    if step.task_runs:
        group_existing(step)
    scopes.open_scope(step, ROOT, Scope())
