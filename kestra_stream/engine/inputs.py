"""Inputs: what a flow asks for and what it was given in, resolved values out, or one fault for each input that does not fit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from kestra_stream.engine.coercion import Unfit, coerce, limit_text
from kestra_stream.engine.vault import KEY_REMEDY
from kestra_stream.errors import ExpressionError, Fault, Invalid, InvalidInputs
from kestra_stream.expression.filters.regexes import compiled
from kestra_stream.models import input as kinds
from kestra_stream.models.flow import FlowOutput
from kestra_stream.models.input import Input, InputType
from kestra_stream.models.property import has_expression

Evaluate = Callable[[str, Mapping[str, object]], object]
Encrypt = Callable[[str], Mapping[str, str]]
StoreFile = Callable[[str, object], str]
_LONGEST_PATTERN_TEXT = 100_000
_PATTERN_SECONDS = 0.25
_MOMENTS: Mapping[type[Input], Callable[[str], object]] = {
    kinds.DatetimeInput: datetime.fromisoformat,
    kinds.DateInput: date.fromisoformat,
    kinds.TimeInput: time.fromisoformat,
}


@dataclass(frozen=True, slots=True)
class ResolvedInputs:
    """Values by id (dots nest); ids that got their default; ids that are not asked for."""

    values: Mapping[str, object]
    defaulted: frozenset[str] = frozenset()
    disabled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReviewedInputs:
    """Inputs looked at one by one: what fits has its value (by plain id), what does not has its fault.

    Attributes:
        choices: what the values of a SELECT or MULTISELECT may be, by id.
    """

    values: Mapping[str, object]
    defaulted: frozenset[str]
    disabled: frozenset[str]
    faults: tuple[Fault, ...]
    choices: Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class _Progress:
    """What is known so far while inputs are resolved one after the other."""

    provided: Mapping[str, object]
    evaluate: Evaluate
    encrypt: Encrypt | None
    store_file: StoreFile | None
    flat: dict[str, object] = field(default_factory=dict)
    defaulted: set[str] = field(default_factory=set)
    disabled: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    choices: dict[str, tuple[str, ...]] = field(default_factory=dict)


def resolve_inputs(
    inputs: Sequence[Input],
    provided: Mapping[str, object],
    evaluate: Evaluate,
    encrypt: Encrypt | None = None,
    store_file: StoreFile | None = None,
) -> ResolvedInputs:
    """Resolve inputs in the order of their dependencies. Values for unknown inputs are ignored.

    Args:
        inputs: what the flow asks for.
        provided: raw values by input id.
        evaluate: renders a template over variables that hold `inputs`, keeping native types.
        encrypt: encrypts a SECRET; None when the server has no key.
        store_file: keeps the value of a FILE and returns its URI.

    Raises:
        InvalidInputs: with all faults.
        LookupNeeded: an expression wants IO that `evaluate` may not do.
    """
    reviewed = review_inputs(inputs, provided, evaluate, encrypt, store_file)
    if reviewed.faults:
        raise InvalidInputs(reviewed.faults)
    return ResolvedInputs(nested(reviewed.values), reviewed.defaulted, reviewed.disabled)


def review_inputs(
    inputs: Sequence[Input],
    provided: Mapping[str, object],
    evaluate: Evaluate,
    encrypt: Encrypt | None = None,
    store_file: StoreFile | None = None,
) -> ReviewedInputs:
    """Look at inputs as `resolve_inputs` does, but tell what is wrong with each instead of raising; for a form that is being filled in."""
    progress = _Progress(provided, evaluate, encrypt, store_file)
    for one in in_order(inputs):
        try:
            _resolve(one, progress)
        except (Unfit, ExpressionError, Invalid) as error:
            progress.faults.append(Fault(_message(one, progress.provided.get(one.id, one.defaults), str(error)), one.id))
    return ReviewedInputs(
        progress.flat, frozenset(progress.defaulted), frozenset(progress.disabled), tuple(progress.faults), progress.choices
    )


def nested(flat: Mapping[str, object]) -> dict[str, object]:
    """Turn dotted names into nested maps."""
    result: dict[str, object] = {}
    for name, value in flat.items():
        level = result
        *folders, last = name.split(".")
        for folder in folders:
            inner = level.get(folder)
            if not isinstance(inner, dict):
                level[folder] = inner = {}
            level = inner
        level[last] = value
    return result


def in_order(inputs: Sequence[Input]) -> list[Input]:
    """Sort inputs so that each comes after those it depends on; the order of the flow is kept otherwise."""
    left = {one.id: one for one in inputs}
    ordered: list[Input] = []

    def visit(one: Input) -> None:
        if left.pop(one.id, None) is None:
            return
        for name in one.depends_on.inputs if one.depends_on is not None else ():
            if name in left:
                visit(left[name])
        ordered.append(one)

    for one in inputs:
        visit(one)
    return ordered


def _resolve(one: Input, progress: _Progress) -> None:
    visible = _visible(one, progress)
    if not _is_enabled(one, progress, visible):
        progress.disabled.add(one.id)
        return
    value = progress.provided.get(one.id)
    if value is None:
        value = _default(one, progress, visible)
        if value is not None:
            progress.defaulted.add(one.id)
    if value is None:
        if one.required:
            if isinstance(one, kinds.SelectInput | kinds.MultiselectInput):
                _choices(one, progress, visible)
            raise Unfit("missing required input")
        progress.flat[one.id] = None
        return
    progress.flat[one.id] = _coerced(one, value, progress, visible)


def _visible(one: Input, progress: _Progress) -> dict[str, object]:
    names = one.depends_on.inputs if one.depends_on is not None else ()
    return {"inputs": nested({name: progress.flat[name] for name in names if name in progress.flat})}


def _is_enabled(one: Input, progress: _Progress, visible: Mapping[str, object]) -> bool:
    if one.depends_on is None:
        return True
    if any(name in progress.disabled for name in one.depends_on.inputs):
        return False
    return one.depends_on.condition is None or progress.evaluate(one.depends_on.condition, visible) is True


def _default(one: Input, progress: _Progress, visible: Mapping[str, object]) -> object:
    if one.defaults is not None:
        raw = one.defaults
        return progress.evaluate(raw, visible) if isinstance(raw, str) and has_expression(raw) else raw
    if isinstance(one, kinds.SelectInput | kinds.MultiselectInput) and one.auto_select_first:
        choices = _choices(one, progress, visible)
        if choices:
            return choices[0] if isinstance(one, kinds.SelectInput) else [choices[0]]
    return None


def _coerced(one: Input, value: object, progress: _Progress, visible: Mapping[str, object]) -> object:
    if isinstance(one, kinds.FileInput) and progress.store_file is not None:
        value = progress.store_file(one.id, value)
    item_type = one.item_type if isinstance(one, kinds.ArrayInput | kinds.MultiselectInput) else None
    coerced = coerce(InputType(one.type), value, item_type)
    _check(one, coerced, progress, visible)
    if isinstance(one, kinds.SecretInput):
        if progress.encrypt is None:
            raise Unfit(f"a SECRET needs an encryption key, and none is configured: {KEY_REMEDY}")
        return progress.encrypt(coerced)
    return coerced


def _check(one: Input, coerced: Any, progress: _Progress, visible: Mapping[str, object]) -> None:
    """Raise Unfit for a value outside of what its input allows."""
    match one:
        case kinds.StringInput(validator=pattern) | kinds.SecretInput(validator=pattern):
            _match(pattern, coerced)
        case kinds.EnumInput(values=values):
            _one_of([coerced], values)
        case kinds.SelectInput(allow_custom_value=False):
            _one_of([coerced], _choices(one, progress, visible))
        case kinds.MultiselectInput(allow_custom_value=False):
            _one_of(coerced, [coerce(one.item_type, choice) for choice in _choices(one, progress, visible)])
        case kinds.IntInput() | kinds.FloatInput():
            _within(coerced, one.min, one.max, "more than", "less than")
        case kinds.DurationInput():
            _within(timedelta(seconds=coerced), one.min, one.max, "more than", "less than")
        case kinds.DatetimeInput() | kinds.DateInput() | kinds.TimeInput():
            _within(_MOMENTS[type(one)](coerced), one.after, one.before, "after", "before")
        case kinds.FileInput(allowed_file_extensions=extensions) if extensions:
            _extension(coerced, extensions)
        case _:
            pass


def _choices(one: kinds.SelectInput | kinds.MultiselectInput, progress: _Progress, visible: Mapping[str, object]) -> list[str]:
    found: Any = one.values or ()
    if one.expression is not None:
        found = progress.evaluate(one.expression, visible)
        if isinstance(found, str):
            found = coerce(InputType.JSON, found)
        if not isinstance(found, list | tuple):
            raise Unfit("the expression of its values must render to a list")
    choices = [str(value) for value in found]
    progress.choices[one.id] = tuple(choices)
    return choices


def _match(pattern: str | None, text: str) -> None:
    if pattern is None:
        return
    try:
        is_match = len(text) <= _LONGEST_PATTERN_TEXT and compiled(pattern).fullmatch(text, timeout=_PATTERN_SECONDS) is not None
    except TimeoutError:
        raise Unfit(f"the pattern `{pattern}` takes more than {_PATTERN_SECONDS} s for this value; write a simpler one") from None
    except ValueError as error:
        raise Unfit(str(error)) from None
    if not is_match:
        raise Unfit(f"it must match the pattern `{pattern}`")


def _one_of(values: Sequence[object], choices: Sequence[object]) -> None:
    if any(value not in choices for value in values):
        raise Unfit(f"it must match the values `[{', '.join(map(str, choices))}]`")


def _within(value: object, least: Any, most: Any, above: str, below: str) -> None:
    if least is not None and value < least:
        raise Unfit(f"it must be {above} `{limit_text(least)}`")
    if most is not None and value > most:
        raise Unfit(f"it must be {below} `{limit_text(most)}`")


def _extension(uri: str, extensions: Sequence[str]) -> None:
    if not uri.lower().endswith(tuple(extension.lower() for extension in extensions)):
        raise Unfit(f"its name must end with one of `[{', '.join(extensions)}]`")


def _message(one: Input, value: object, reason: str) -> str:
    shown = "null" if value is None else "******" if isinstance(one, kinds.SecretInput) else str(value)
    shown = shown if len(shown) <= 200 else f"{shown[:197]}..."  # noqa: PLR2004 - enough to recognise a value
    return f"Invalid input for `{one.id}`, {reason}, but received `{shown}`"


def coerce_output(output: FlowOutput, value: object) -> object:
    """Coerce a rendered flow output by its type.

    Raises:
        InvalidInputs: it does not fit, or is required and missing.
    """
    if value is None or (value == "" and output.type is not InputType.STRING):
        if output.required and value is None:
            raise InvalidInputs([Fault(f"the output `{output.id}` is required, but is null", output.id)])
        return None
    try:
        return coerce(output.type, value)
    except Unfit as error:
        raise InvalidInputs([Fault(f"Invalid output `{output.id}`, {error}, but received `{str(value)[:200]}`", output.id)]) from error
