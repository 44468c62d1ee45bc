"""What expressions see: builds the named parts of the context, and no others, for a render in the engine or for a worker's job."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson

from kestra_stream.engine.allowance import budget_of, spend
from kestra_stream.engine.plan import WHOLE_CONTEXT
from kestra_stream.engine.step import Step
from kestra_stream.engine.vault import ENCRYPTED, SEALED, each_text, is_sealed
from kestra_stream.errors import ExpressionError, Invalid, LookupNeeded
from kestra_stream.expression import (
    LOOKUP_FUNCTIONS,
    DynamicItem,
    Environment,
    Reference,
    compile_template,
    functions_of,
    references_of,
    render_structure,
)
from kestra_stream.models.execution import Label, TaskRun
from kestra_stream.models.ids import derived_id

SPILLED = "$spilled"
Unspill = Callable[[object], object]
_MISSING: object = object()
_FLAGS: Mapping[object, bool] = {True: True, False: False, "true": True, "false": False}


def evaluate(step: Step, run: TaskRun | None, raw: object, extra: Mapping[str, object] | None = None) -> Any:
    """Render a raw value, keeping the native type where a whole text is one expression.

    Raises:
        ExpressionError, InvalidExpression: it cannot be rendered.
        LookupNeeded: a function wants IO and its answer is not known yet.
    """
    return _render(step, run, raw, extra, typed=True)


def render(step: Step, run: TaskRun | None, raw: object, extra: Mapping[str, object] | None = None) -> Any:
    """Render a raw value to text (maps and lists: every text in them). Raises as `evaluate`."""
    return _render(step, run, raw, extra, typed=False)


def flag(step: Step, run: TaskRun | None, raw: object) -> bool:
    """Render a raw value that is true or false, as a bool or as text. Raises as `evaluate`, and for anything else."""
    value = evaluate(step, run, raw)
    text = value.strip().lower() if isinstance(value, str) else value
    if not isinstance(text, bool | str) or text not in _FLAGS:
        raise ExpressionError(f"`{value!s:.80}` is neither true nor false")
    return _FLAGS[text]


def _render(step: Step, run: TaskRun | None, raw: object, extra: Mapping[str, object] | None, *, typed: bool) -> object:
    if isinstance(raw, str):
        template = compile_template(raw)
        if template.is_constant:
            return template.render({}, _environment(step, run, frozenset()))
        variables = _variables(step, run, template.references, extra)
        environment = _environment(step, run, template.functions)
        return template.evaluate(variables, environment) if typed else template.render(variables, environment)
    if not isinstance(raw, Mapping | list | tuple):
        return raw
    environment = _environment(step, run, functions_of(raw))
    return render_structure(raw, _variables(step, run, references_of(raw), extra), environment, typed=typed)


def _variables(step: Step, run: TaskRun | None, references: Iterable[Reference], extra: Mapping[str, object] | None) -> dict[str, object]:
    variables = pruned(step, run, references, partial(_looked_up_value, step, run))
    named = {reference[0] for reference in references}
    for name, value in step.plan.server.roots.items():
        if name in named or WHOLE_CONTEXT[0] in named:
            variables[name] = value
    if extra:
        variables.update(extra)
    return variables


# -- functions that need IO --------------------------------------------------------------------------------------------


class _DerivedBytes:
    """Random-looking bytes that the same run always draws in the same order."""

    __slots__ = ("_drawn", "_seed")

    def __init__(self, *seed: str) -> None:
        self._seed = derived_id(*seed)
        self._drawn = 0

    def random_bytes(self, count: int) -> bytes:
        """Draw bytes."""
        drawn = b""
        while len(drawn) < count:
            self._drawn += 1
            drawn += blake2b(f"{self._seed}{self._drawn}".encode(), digest_size=32).digest()
        return drawn[:count]


def _environment(step: Step, run: TaskRun | None, functions: frozenset[str]) -> Environment:
    def now() -> datetime:
        return step.now

    wanted = functions & LOOKUP_FUNCTIONS
    run_id = run.id if run is not None else ""
    seed = _DerivedBytes(step.execution.id, run_id, str(run.epoch if run is not None else 0))
    server = step.plan.server
    functions_of_run = {name: _asking(step, run_id, name) for name in wanted}
    return Environment(now, server.zone, seed, functions_of_run, server.recursive, budget_of(step), partial(spend, step), server.work_time)


def _asking(step: Step, run_id: str, name: str) -> Callable[..., object]:
    def call(*args: object, **kwargs: object) -> object:
        return _answer(step, run_id, name, args, kwargs)

    return call


def _answer(step: Step, run_id: str, name: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
    key = call_key(name, args, kwargs)
    known = step.answers.get(run_id)
    found = known.get(key) if known is not None else None
    if found is None:
        raise LookupNeeded(name, args, kwargs)
    value, error = found
    if error is not None:
        raise ExpressionError(error)
    return reveal(step, value[SEALED], orjson.loads) if is_sealed(value) else value


def reveal(step: Step, sealed: str, read: Callable[[str], object] = str) -> Any:
    """Open a sealed or encrypted value; it is masked in what this step logs from now on.

    Raises:
        ExpressionError: it can not be opened here.
    """
    try:
        value = read(step.plan.vault.open(sealed))
    except Invalid as error:
        raise ExpressionError(str(error)) from error
    step.revealed.append(str(value))
    return value


def keep_secret(step: Step, value: object, *seed: str) -> Any:
    """Seal every text of a value in which something is to be read that was opened in this step."""
    secrets = [text for text in step.revealed if text]
    if not secrets:
        return value

    def kept(text: str) -> object:
        return {SEALED: step.plan.vault.seal(text, step.execution.id, *seed)} if any(secret in text for secret in secrets) else text

    return each_text(value, kept)


def call_key(name: str, args: Sequence[object], kwargs: Mapping[str, object]) -> str:
    """Name a call: the same function and arguments always get the same key."""
    return derived_id(name, orjson.dumps([list(args), dict(kwargs)], default=str, option=orjson.OPT_SORT_KEYS).decode())


def _looked_up_value(step: Step, run: TaskRun | None, value: Any) -> object:
    """Replace a value that lies in storage, or is encrypted, by what a look-up found."""
    run_id = run.id if run is not None else ""
    if value.get("type") == ENCRYPTED:
        return reveal(step, str(value.get("value")))
    return _answer(step, run_id, SPILLED, (value[SPILLED],), {})


# -- the parts of the context ------------------------------------------------------------------------------------------

# Added by the worker, or by the evaluation itself.
_NOT_FROM_HERE = frozenset({"envs", "globals", "kestra", "workingDir", "outputDir", "workerTaskrun", "namespace"})
_ROOTS = (
    *("flow", "execution", "inputs", "outputs", "vars", "labels", "trigger", "schedule"),
    *("parents", "parent", "tasks", "taskrun", "task", "error"),
)


def pruned(step: Step, run: TaskRun | None, references: Iterable[Reference], unspill: Unspill | None = None) -> dict[str, object]:
    """Build the smallest context that holds all references; `unspill` replaces values that lie elsewhere."""
    result: dict[str, object] = {}
    for reference in references:
        if reference == WHOLE_CONTEXT:
            for root in _ROOTS:
                value = _root(step, run, root)
                if value is not _MISSING:
                    result[root] = value
            return result
    for reference in sorted(references, key=len):  # the whole of something before its parts
        if reference[0] not in _NOT_FROM_HERE:
            _copy(step, run, reference, result, unspill)
    return result


def _copy(step: Step, run: TaskRun | None, reference: Reference, result: dict[str, object], unspill: Unspill | None) -> None:
    """Copy what one reference names from the context into the result, level by level."""
    source: object = _root(step, run, str(reference[0]))
    if source is _MISSING:
        return
    target = result
    key: Any = reference[0]
    for item in reference[1:]:
        if not isinstance(source, Mapping) or _lies_elsewhere(source):
            break
        level = target.get(key)
        if level is None:
            target[key] = level = _Pruned()
        elif not isinstance(level, _Pruned):
            return  # the whole is there already
        step_key = _dynamic(step, run, item) if isinstance(item, DynamicItem) else item
        found = source.get(step_key, _MISSING) if step_key is not _MISSING else _MISSING
        if found is _MISSING and not isinstance(step_key, str):
            found = source.get(str(step_key), _MISSING)
            step_key = str(step_key)
        if found is _MISSING:
            return
        target, key, source = level, step_key, found
    if isinstance(source, Mapping) and unspill is not None and _lies_elsewhere(source):
        source = unspill(source)
    target[key] = source


class _Pruned(dict[str, object]):
    """A part of the context of which some is left out."""

    __slots__ = ()


def _lies_elsewhere(value: Mapping[str, object]) -> bool:
    return SPILLED in value or value.get("type") == ENCRYPTED


def _dynamic(step: Step, run: TaskRun | None, item: DynamicItem) -> object:
    """Resolve an index such as `taskrun.value`."""
    source = _root(step, run, str(item.reference[0]))
    for named in item.reference[1:]:
        part = _dynamic(step, run, named) if isinstance(named, DynamicItem) else named
        if isinstance(source, Mapping):
            source = source.get(part, _MISSING)
        elif isinstance(source, Sequence) and isinstance(part, int) and part < len(source):
            source = source[part]
        else:
            return _MISSING
    return source


def _root(step: Step, run: TaskRun | None, name: str) -> object:
    build = _BUILDERS.get(name)
    if build is not None:
        return build(step)
    if run is None:
        return _MISSING
    build_for_run = _RUN_BUILDERS.get(name)
    return build_for_run(step, run) if build_for_run is not None else _MISSING


def _flow(step: Step) -> dict[str, object]:
    head = step.execution
    return {"id": head.flow_id, "namespace": head.namespace, "revision": head.flow_revision, "tenantId": head.tenant_id}


def _execution(step: Step) -> dict[str, object]:
    head = step.execution
    return {
        "id": head.id,
        "state": head.state.current.value,
        "startDate": head.state.start_date,
        "originalId": head.original_id or head.id,
    }


UNSET = {"$unset": True}


def variables_of(step: Step) -> Mapping[str, object]:
    """Return `vars`: the flow's variables under those that tasks have set, without those that tasks have unset."""
    if not step.execution.variables:
        return step.plan.flow.variables
    merged = {**step.plan.flow.variables, **step.execution.variables}
    return {name: value for name, value in merged.items() if value != UNSET}


def nested_labels(labels: Sequence[Label]) -> dict[str, object]:
    """Turn labels into a map; dots in a key nest, and of two equal keys the later wins."""
    result: dict[str, object] = {}
    for label in labels:
        level = result
        *folders, last = label.key.split(".")
        for folder in folders:
            inner = level.get(folder)
            if not isinstance(inner, dict):
                level[folder] = inner = {}
            level = inner
        level[last] = label.value
    return result


def _trigger(step: Step) -> object:
    return step.execution.trigger.variables if step.execution.trigger is not None else _MISSING


def _error(step: Step) -> object:
    """The failure that comes first in the history of the execution; only there once something has failed."""
    return step.failure if step.failure is not None else _MISSING


_BUILDERS: Mapping[str, Callable[[Step], object]] = {
    "flow": _flow,
    "execution": _execution,
    "inputs": lambda step: step.execution.inputs,
    "vars": variables_of,
    "labels": lambda step: nested_labels(step.execution.labels),
    "outputs": lambda step: step.outputs,
    "tasks": lambda step: step.task_states,
    "trigger": _trigger,
    "schedule": _trigger,
    "error": _error,
}


def _parents(step: Step, run: TaskRun) -> list[dict[str, object]]:
    """Loops and flowables with outputs around a run, nearest first."""
    found = []
    around = step.parent_run(run)
    while around is not None:
        entry: dict[str, Any] = {}
        if around.value is not None:
            entry["taskrun"] = {"value": around.value, "iteration": around.iteration}
        if around.outputs:
            entry["outputs"] = around.outputs
        if entry:
            found.append(entry)
        around = step.parent_run(around)
    return found


def _parent(step: Step, run: TaskRun) -> object:
    parents = _parents(step, run)
    return parents[0] if parents else _MISSING


def _taskrun(_: Step, run: TaskRun) -> dict[str, object]:
    values: dict[str, object] = {"id": run.id, "startDate": run.state.start_date, "attemptsCount": len(run.attempts)}
    optional = {"parentId": run.parent_id, "value": run.value, "iteration": run.iteration}
    return values | {name: value for name, value in optional.items() if value is not None}


_RUN_BUILDERS: Mapping[str, Callable[[Step, TaskRun], object]] = {
    "parents": _parents,
    "parent": _parent,
    "taskrun": _taskrun,
    "task": lambda step, run: {"id": run.task_id, "type": step.plan.nodes[run.task_id].type_name},
}
