"""Flowables: opens the branch, the branches or the values that a flowable task stands for; repeats a LoopUntil."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from kestra_stream.engine.context import evaluate, flag, render
from kestra_stream.engine.draft.kept import set_loop_values
from kestra_stream.engine.draft.runs import drop, path_of, put_with_outputs, with_outputs
from kestra_stream.engine.draft.timers import set_timer
from kestra_stream.engine.plan import Node, Section
from kestra_stream.engine.rules import scopes
from kestra_stream.engine.state import Chunked, Scope
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError, InvalidExpression
from kestra_stream.expression import is_truthy
from kestra_stream.models import behaviour as b
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.records import Level
from kestra_stream.models.state import S
from kestra_stream.models.stored_state import TimerKind


def start_flowable(step: Step, node: Node, run: TaskRun) -> None:
    """Open a flowable: its run is RUNNING, and its first children come to be."""
    scope = Scope(first_round=step.now)
    outputs: dict[str, object] = {}
    match node.behaviour:
        case b.If(condition=condition):
            holds = is_truthy(render(step, run, _as_text(condition)))
            outputs["evaluationResult"] = holds
            scope = Scope(branch="then" if holds else "else")
        case b.Switch():
            outputs, scope = _choose(step, run, node.behaviour)
        case b.ForEach(values=values):
            scope = Scope(values=Chunked.of(_checked(step, run, loop_values(step, run, values))))
            set_loop_values(step, run.id, scope.values)
        case b.LoopUntil():
            outputs = {"iterationCount": 1}
        case _:
            pass
    run = run.with_state(S.RUNNING, step.now)
    put_with_outputs(step, with_outputs(run, outputs) if outputs else run)
    scopes.open_scope(step, run.id, scope)


def reopen(step: Step, run_id: str) -> None:
    """Take an open flowable up again after a restart or restore: what it had decided at its start still holds."""
    run = step.task_runs.get(run_id)
    if run is None or run.state.is_terminal or run_id in step.scopes:
        return  # an answer that came twice: it is open already
    node = step.node(run)
    outputs = run.outputs or {}
    match node.behaviour:
        case b.If() if "evaluationResult" in outputs:
            scope = Scope(branch="then" if outputs["evaluationResult"] else "else")
        case b.Switch() if "value" in outputs:
            scope = Scope(branch=branch_of(node.behaviour, str(outputs["value"])) or "defaults")
        case b.ForEach(values=values):
            known = step.loop_values.get(run_id)
            scope = Scope(values=known if known is not None else Chunked.of(loop_values(step, run, values)))
            set_loop_values(step, run_id, scope.values)
        case b.LoopUntil():
            scope = Scope(iteration=int(outputs.get("iterationCount", 1)), first_round=run.state.start_date)
        case b.Run():
            scope = scopes.after_attempt(run)
        case b.Pause() if run.state.current is not S.RUNNING:
            scope = Scope(section=Section.ON_PAUSE)
        case _:
            scope = Scope()
    scopes.open_scope(step, run_id, scope._replace(failed=1) if run_id in step.broken else scope)


def _as_text(raw: object) -> object:
    return ("true" if raw else "false") if isinstance(raw, bool) else str(raw) if isinstance(raw, int | float) else raw


def branch_of(switch: b.Switch, value: str) -> str | None:
    """Name the branch for a value; None when nothing matches and there are no defaults."""
    if value in switch.cases:
        return f"case:{value}"
    return "defaults" if switch.defaults is not None else None


def _choose(step: Step, run: TaskRun, switch: b.Switch) -> tuple[dict[str, object], Scope]:
    value = str(render(step, run, _as_text(switch.value)))
    branch = branch_of(switch, value)
    if branch is None:
        raise ExpressionError(f"no case of the Switch matches `{value}`, and it has no defaults (cases: {', '.join(switch.cases)})")
    return {"value": value, "defaults": branch == "defaults"}, Scope(branch=branch)


# -- the values of a ForEach -------------------------------------------------------------------------------------------


def loop_values(step: Step, run: TaskRun, raw: Any) -> list[str]:
    """Render the values of a loop: distinct, in order, as text.

    Raises:
        ExpressionError: not a list, or an element is null.
    """
    values: Any
    if isinstance(raw, str):
        values = _parsed(evaluate(step, run, raw))
    else:
        values = [evaluate(step, run, item) if isinstance(item, str) else render(step, run, item) for item in raw]
    if isinstance(values, Mapping) or not isinstance(values, Sequence) or isinstance(values, str):
        raise ExpressionError(f"the values of a loop must be a list, but are {type(values).__name__}")
    return list(dict.fromkeys(_value_text(value) for value in values))


def _checked(step: Step, run: TaskRun, values: list[str]) -> list[str]:
    """Return the values of a loop that begins, unless they are too many; for one inside of another all task runs so far count."""
    most, count = step.plan.server.most_loop_values, len(values)
    before = len(step.task_runs) if len(path_of(step, run)) > 1 else 0
    if count + before <= most:
        return values
    runs = f", and its execution has {before:,} task runs already" if before else ""
    raise ExpressionError(
        f"the loop has {count:,} values{runs}; the setting `engine.most_loop_values` allows {most:,}: "
        "write the values to a file and go through it in batches with a ForEachItem"
    )


def _parsed(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ExpressionError(f"the values of a loop must be a JSON list, but are `{value:.80}`") from error


def _value_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        raise ExpressionError("an element of a loop's values is null")
    return orjson.dumps(value, default=_plain).decode()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


# -- LoopUntil ---------------------------------------------------------------------------------------------------------


def end_round(step: Step, run_id: str) -> None:
    """All children of a round have ended well: stop when the condition holds, else wait for the next round."""
    run, scope = step.task_runs.get(run_id), step.scopes.get(run_id)
    loop = step.node(run).behaviour if run is not None else None
    if run is None or scope is None or not isinstance(loop, b.LoopUntil):
        return
    if f"loop:{run_id}" in step.timers or not scopes.is_done(step, run_id):
        return
    try:
        holds = is_truthy(render(step, run, _as_text(loop.condition)))
        interval = duration(step, run, loop.interval) or timedelta()
        over = _is_over(step, run, loop, scope, interval)
        fails = bool(over) and flag(step, run, loop.fail_on_max_reached)
    except (ExpressionError, InvalidExpression) as error:
        step.log(Level.ERROR, str(error), run)
        scopes.break_scope(step, run_id)
        scopes.enter(step, run_id, Section.ERRORS)
        return
    if holds or (over and not fails):
        scopes.enter(step, run_id, Section.FINALLY)
    elif over:
        step.log(Level.ERROR, f"the condition did not hold within {over}", run)
        scopes.break_scope(step, run_id)
        scopes.enter(step, run_id, Section.ERRORS)
    else:
        set_timer(step, f"loop:{run_id}", step.now + interval, TimerKind.LOOP, run_id)


def _is_over(step: Step, run: TaskRun, loop: b.LoopUntil, scope: Scope, interval: timedelta) -> str:
    most = _whole_number(evaluate(step, run, loop.max_iterations)) if loop.max_iterations is not None else None
    if most is not None and scope.iteration >= most:
        return f"{most} iterations"
    longest = duration(step, run, loop.max_duration)
    began = scope.first_round or step.now
    return str(longest) if longest is not None and step.now + interval > began + longest else ""


def _whole_number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise ExpressionError(f"maxIterations must be a whole number, but is `{value!s:.80}`") from None


def next_round(step: Step, run_id: str) -> None:
    """Drop the children of the last round and begin the next."""
    run, scope = step.task_runs[run_id], step.scopes[run_id]
    drop_children(step, run_id)
    following = scope.iteration + 1
    put_with_outputs(step, with_outputs(run, {"iterationCount": following}))
    scopes.open_scope(step, run_id, Scope(iteration=following, first_round=scope.first_round))


def drop_children(step: Step, run_id: str) -> None:
    """Remove all that came of a run inside a LoopUntil."""
    for child_id in sorted(step.inside_loops.get(run_id, ())):
        drop_children(step, child_id)
        drop(step, step.task_runs[child_id])
    if run_id in step.inside_loops:
        step.inside_loops = step.inside_loops.delete(run_id)


def duration(step: Step, run: TaskRun | None, raw: object) -> timedelta | None:
    """Render a raw duration; None stays None."""
    if raw is None or isinstance(raw, timedelta):
        return raw
    try:
        return parse_duration(render(step, run, raw))
    except ValueError as error:
        raise ExpressionError(str(error)) from error
