"""End: renders the flow's outputs, runs afterExecution and listeners, tells whoever waits, and lets go."""

from collections.abc import Mapping
from dataclasses import replace

from kestra_stream.engine import commands as c
from kestra_stream.engine.context import evaluate, pruned, render
from kestra_stream.engine.draft.runs import put
from kestra_stream.engine.draft.timers import cancel_timer
from kestra_stream.engine.inputs import coerce_output
from kestra_stream.engine.plan import ROOT, Section
from kestra_stream.engine.rules import scopes
from kestra_stream.engine.rules.start import scope_of
from kestra_stream.engine.state import Scope, WorkKind
from kestra_stream.engine.step import Step
from kestra_stream.engine.vault import ENCRYPTED
from kestra_stream.errors import ExpressionError, InvalidExpression, InvalidInputs
from kestra_stream.models.conditions import ConditionContext
from kestra_stream.models.execution_input import SubflowEnded
from kestra_stream.models.flow import FlowOutput
from kestra_stream.models.input import InputType
from kestra_stream.models.messages import ReleaseSlot
from kestra_stream.models.records import Level
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import Phase

_WITHOUT_OUTPUTS = frozenset({S.KILLED, S.RETRIED, S.CANCELLED})


def end_resolved_execution(step: Step) -> bool:
    """Rule: the root has been resolved, so the execution gets its outputs and its final state."""
    if step.end is None or step.phase is not Phase.ALIVE:
        return False
    step.phase = Phase.OUTPUTS
    step.push(WorkKind.OUTPUTS, ROOT)
    return True


def give_outputs(step: Step) -> None:
    """Render the flow's outputs and enter the final state; outputs that do not render fail the execution.

    Raises:
        LookupNeeded: an output wants IO first.
    """
    if step.phase is not Phase.OUTPUTS or step.end is None:
        return
    state = step.end
    declared: Mapping[str, object] | tuple[FlowOutput, ...] = step.plan.flow.outputs
    if step.parent is not None and step.parent.outputs is not None:
        declared = step.parent.outputs
    if declared and state not in _WITHOUT_OUTPUTS:
        try:
            step.change_head(replace(step.execution, outputs=_rendered(step, declared)))
        except (ExpressionError, InvalidExpression, InvalidInputs) as error:
            step.log(Level.ERROR, f"Failed to render output values: {error}")
            state = S.FAILED
    _sweep(step)
    step.enter(state)
    step.log(Level.INFO, f"Flow completed with state {state.value}")
    step.phase = Phase.AFTER
    step.scopes = step.scopes.set(ROOT, Scope(section=Section.AFTER))
    step.push(WorkKind.AFTER, "0")


def _rendered(step: Step, declared: Mapping[str, object] | tuple[FlowOutput, ...]) -> dict[str, object]:
    if isinstance(declared, Mapping):
        return {name: evaluate(step, None, raw) for name, raw in declared.items()}
    return {output.id: _coerced(step, output) for output in declared}


def _coerced(step: Step, output: FlowOutput) -> object:
    value = coerce_output(output, evaluate(step, None, output.value))
    if output.type is not InputType.SECRET or value is None:
        return value
    vault = step.plan.vault
    if not vault.is_lasting:
        raise ExpressionError(f"the output `{output.id}` is a SECRET: it needs the server's encryption key, and none is configured")
    return {"type": ENCRYPTED, "value": vault.seal(str(value), step.execution.id, "outputs", output.id)}


def _sweep(step: Step) -> None:
    """What nobody works on can not end by itself any more: an attempt that waits for its retry has failed, the rest is killed."""
    for run_id in sorted(step.open_runs):
        run = step.task_runs[run_id]
        if not run.sent:
            put(step, run.with_state(S.FAILED if run.state.current is S.RETRYING else S.KILLED, step.now))


def start_after_task(step: Step, place: int) -> None:
    """Start the next task that runs after the end; without one, finish."""
    root = step.scopes.get(ROOT)
    if step.phase is not Phase.AFTER or root is None or root.open:
        return
    children = step.plan.root.children(Section.AFTER)
    while place < len(children) and not _is_wanted(step, children[place].listener):
        place += 1
    if place < len(children):
        scopes.create(step, ROOT, children[place])
    else:
        finish(step)


def _is_wanted(step: Step, listener: int | None) -> bool:
    """Whether all conditions of a listener hold; tasks of afterExecution always run."""
    if listener is None:
        return True
    head = step.execution
    context = ConditionContext(
        now=step.now,
        namespace=head.namespace,
        flow_id=head.flow_id,
        render=lambda template: str(render(step, None, template)),
        variables=pruned(step, None, (("*",),)),
        execution=head,
    )
    try:
        return all(condition.test(context) for condition in step.plan.flow.listeners[listener].conditions)
    except (ExpressionError, InvalidExpression) as error:
        step.log(Level.WARN, f"a listener's condition cannot be evaluated: {error}")
        return False


def finish(step: Step) -> None:
    """Let go: tell the parent, give the slot back, forget what would wake the execution."""
    step.phase = Phase.FINISHED
    step.scopes = step.scopes.delete(ROOT) if ROOT in step.scopes else step.scopes
    head = step.execution
    for timer_id in sorted(step.timers):
        if timer_id != "new-execution":
            cancel_timer(step, timer_id)
    if step.has_slot:
        step.command(c.AskLimiter(ReleaseSlot(scope_of(head), head.id)))
        step.has_slot = False
    tell_parent(step)


def tell_parent(step: Step) -> None:
    """Tell the task run that waits for this execution how it ended; one that a new execution takes over has not ended."""
    link, head = step.parent, step.execution
    if link is not None and link.wait and head.state.current is not S.RETRIED:
        ended = SubflowEnded(link.task_run_id, link.epoch, head.id, head.state.current, head.outputs, link.iteration)
        step.tell(link.execution_id, ended)
