"""Updates: tasks that change the execution itself, applied at once and without a worker."""

from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

import orjson
from immutables import Map

from kestra_stream.engine.context import UNSET, evaluate, flag, render, variables_of
from kestra_stream.engine.draft.runs import put, put_with_outputs
from kestra_stream.engine.rules import kill
from kestra_stream.engine.rules.outcomes import end, with_attempt
from kestra_stream.engine.step import Step
from kestra_stream.errors import ExpressionError
from kestra_stream.models import behaviour as b
from kestra_stream.models.execution import Label, TaskRun
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.state import S, StateType

Update = b.SetLabels | b.SetVariables | b.UnsetVariables | b.Exit


def apply(step: Step, run: TaskRun, update: Update) -> None:
    """Apply an update and end its run.

    Raises:
        ExpressionError: the values do not render, or are not what the task wants.
    """
    run = run.with_state(S.RUNNING, step.now)
    match update:
        case b.SetLabels(labels=raw):
            step.change_head(replace(step.execution, labels=merged_labels(step.execution.labels, labels_of(step, run, raw))))
        case b.SetVariables():
            _set_variables(step, run, update)
        case b.UnsetVariables():
            _unset_variables(step, run, update)
        case b.Exit(state=state):
            ended = _exit_state(render(step, run, state))
            return _exit(step, with_attempt(run, ended, step), ended)
        case _:
            assert_never(update)
    return end(step, with_attempt(run, S.SUCCESS, step), S.SUCCESS)


# -- labels ------------------------------------------------------------------------------------------------------------


def labels_of(step: Step, run: TaskRun | None, raw: object) -> tuple[Label, ...]:
    """Render labels given as JSON text, a map, or a list of key and value.

    Raises:
        ExpressionError: another shape, or a key that belongs to the engine.
    """
    value = render(step, run, raw)
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError as error:
            raise ExpressionError(f"labels must be a map or a list of key and value, but are `{value[:80]}`") from error
    pairs = _pairs(value)
    for key, _ in pairs:
        if key.startswith("system."):
            raise ExpressionError(f"the label `{key}` belongs to the engine; choose a key that does not start with `system.`")
    return tuple(Label(key, text) for key, text in pairs)


def _pairs(value: object) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [(str(key), _text(item)) for key, item in value.items()]
    if isinstance(value, list | tuple) and all(isinstance(item, Mapping) and "key" in item and "value" in item for item in value):
        return [(str(item["key"]), _text(item["value"])) for item in value]
    if value is None:
        return []
    raise ExpressionError("labels must be a map or a list of key and value")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    raise ExpressionError(f"a label's value must be text, a number or a boolean, not {type(value).__name__}")


def merged_labels(*groups: tuple[Label, ...]) -> tuple[Label, ...]:
    """Merge labels by key: a later value replaces an earlier one in its place."""
    merged: dict[str, Label] = {}
    for group in groups:
        for label in group:
            merged[label.key] = label
    return tuple(merged.values())


# -- variables ---------------------------------------------------------------------------------------------------------


def _set_variables(step: Step, run: TaskRun, update: b.SetVariables) -> None:
    values = evaluate(step, run, update.variables)
    if isinstance(values, str):
        try:
            values = orjson.loads(values)
        except orjson.JSONDecodeError:
            values = None
    if not isinstance(values, Mapping):
        raise ExpressionError("variables must be a map")
    present = variables_of(step)
    if not flag(step, run, update.overwrite):
        taken = sorted(set(values) & set(present))
        if taken:
            raise ExpressionError(f"the variable `{taken[0]}` exists, and overwrite is false")
    merged = {key: deep_merged(present.get(key), value) for key, value in values.items()}
    step.change_head(replace(step.execution, variables={**step.execution.variables, **merged}))


def deep_merged(present: object, fresh: object) -> object:
    """Merge maps key by key; anything else is replaced."""
    if isinstance(present, Mapping) and isinstance(fresh, Mapping):
        return {**present, **{key: deep_merged(present.get(key), value) for key, value in fresh.items()}}
    return fresh


def _unset_variables(step: Step, run: TaskRun, update: b.UnsetVariables) -> None:
    names = _names(evaluate(step, run, update.variables))
    present, removed, flow_names = variables_of(step), [], set(step.plan.flow.variables)
    may_miss = flag(step, run, update.ignore_missing)
    for name in names:
        if name not in present and not may_miss:
            raise ExpressionError(f"there is no variable `{name}` to unset")
        removed.append(str(name))
    kept = {key: value for key, value in step.execution.variables.items() if key not in removed}
    step.change_head(replace(step.execution, variables={**kept, **dict.fromkeys(flow_names & set(removed), UNSET)}))


def _names(value: object) -> list[str]:
    if isinstance(value, str):
        try:
            value = orjson.loads(value) if value.lstrip().startswith("[") else [value]
        except orjson.JSONDecodeError:
            value = None
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ExpressionError("variables must be a list of names")
    return list(value)


# -- exit --------------------------------------------------------------------------------------------------------------


_EXITS = {"CANCELED": S.CANCELLED} | {state.value: state for state in (S.SUCCESS, S.WARNING, S.KILLED, S.FAILED, S.CANCELLED)}


def _exit_state(text: str) -> StateType:
    state = _EXITS.get(text.strip().upper())
    if state is None:
        raise ExpressionError(f"an execution can not end as `{text:.80}`; choose one of {', '.join(_EXITS)}")
    return state


def _exit(step: Step, run: TaskRun, state: StateType) -> None:
    """End the run, all around it, and the execution; siblings that run already go on unless the state is KILLED."""
    around = step.parent_run(run)
    put_with_outputs(step, run.with_state(state, step.now))
    if state is S.KILLED:
        return kill.kill(step, Kill())
    while around is not None:
        put(step, around.with_state(state, step.now))
        around = step.parent_run(around)
    step.scopes = Map()
    step.end = state
    return None
