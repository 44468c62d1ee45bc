"""Service-level agreements: a deadline is a timer, an assertion is looked at on every change; only the first violation acts."""

from dataclasses import replace

from kestra_stream.engine.context import render
from kestra_stream.engine.rules.outcomes import cut_off
from kestra_stream.engine.rules.updates import merged_labels
from kestra_stream.engine.state import Phase, Timer
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError, InvalidExpression, LookupNeeded
from kestra_stream.expression import is_truthy
from kestra_stream.models.flow import AssertionSla, Sla, SlaBehavior
from kestra_stream.models.records import Level
from kestra_stream.models.state import S

_ENDS = {SlaBehavior.FAIL: S.FAILED, SlaBehavior.CANCEL: S.CANCELLED}


def check_assertions(step: Step) -> None:
    """Evaluate what must stay true; an assertion that cannot be evaluated is logged and does not count as broken."""
    if not step.plan.flow.sla or step.phase is not Phase.ALIVE or step.execution.state.is_terminal or step.is_killing:
        return
    for agreement in step.plan.flow.sla:
        if isinstance(agreement, AssertionSla) and agreement.id not in step.violated and not _holds(step, agreement):
            violate(step, agreement)
            return


def _holds(step: Step, agreement: AssertionSla) -> bool:
    try:
        return is_truthy(str(render(step, None, agreement.assert_)))
    except LookupNeeded:
        problem = "a function that needs IO"
    except (ExpressionError, InvalidExpression) as error:
        problem = str(error)
    step.log(Level.WARN, f"the agreement `{agreement.id}` cannot be evaluated: {problem}")
    return True


def deadline_passed(step: Step, timer: Timer) -> None:
    """A MAX_DURATION has elapsed."""
    if step.execution.state.is_terminal or step.phase not in {Phase.ALIVE, Phase.WAITING}:
        return
    for agreement in step.plan.flow.sla:
        if agreement.id == timer.subject:
            violate(step, agreement)


def violate(step: Step, agreement: Sla) -> None:
    """Add the agreement's labels; FAIL and CANCEL end the execution and stop its workers, without its subflows."""
    step.violated = (*step.violated, agreement.id)
    step.log(Level.WARN, f"the agreement `{agreement.id}` is violated")
    if agreement.labels:
        step.change_head(replace(step.execution, labels=merged_labels(step.execution.labels, agreement.labels)))
    state = _ENDS.get(agreement.behavior)
    if state is None:
        return
    step.stop_jobs()
    leaves = [run_id for run_id in step.open_runs if run_id not in step.scopes]
    for run_id in sorted(leaves):
        run = step.task_runs[run_id]
        cut_off(step, run, state)
    step.phase = Phase.ALIVE
    step.cancel_execution(state)
