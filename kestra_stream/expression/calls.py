"""Calls of Python functions: their arguments put into order, and the closures that make them."""

from collections.abc import Callable, Sequence

from kestra_stream.errors import ExpressionError
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.lexer import fail
from kestra_stream.expression.native import FAULTS, Native, message_of, nearest
from kestra_stream.expression.paths import Evaluate, Place
from kestra_stream.expression.syntax import Arguments, Expression, Literal


def ordered_arguments(known: Native, name: str, given: Arguments, source: str, position: int) -> list[Expression]:
    """Put the arguments of a call into the order of its parameters, with the defaults of those left out.

    Raises:
        InvalidExpression: an argument is unknown, missing, or one too many.
    """
    if known.variadic:
        if given.named:
            fail(source, position, f"`{name}` takes no named arguments")
        return list(given.positional)
    if len(given.positional) > len(known.parameters):
        wanted = (
            f"takes {len(known.parameters)} argument(s) at most: {', '.join(known.parameters)}"
            if known.parameters
            else "takes no arguments"
        )
        fail(source, position, f"`{name}` {wanted}; {len(given.positional)} are given")
    chosen: dict[str, Expression] = dict(zip(known.parameters, given.positional, strict=False))
    for key, node in given.named:
        if key not in known.parameters:
            fail(source, position, f"`{name}` has no argument `{key}`; {nearest(key, list(known.parameters))}")
        chosen[key] = node
    missing = [parameter for parameter in known.parameters[: known.required] if parameter not in chosen]
    if missing:
        fail(source, position, f"`{name}` needs the argument `{missing[0]}`")
    return _with_defaults(known, chosen)


def _with_defaults(known: Native, chosen: dict[str, Expression]) -> list[Expression]:
    nodes: list[Expression] = []
    for index, parameter in enumerate(known.parameters):
        node = chosen.get(parameter)
        nodes.append(node if node is not None else Literal(known.defaults[index - known.required]))
    return nodes


def call_with_constants(known: Native, name: str, place: Place, value: Evaluate | None, arguments: tuple[object, ...]) -> Evaluate:
    """Make the closure of a call whose arguments are all constant."""
    if value is None:
        return _function_call(known, name, place, lambda _frame: arguments)
    call, takes_frame, takes_null = known.call, known.takes_frame, known.takes_null

    def run(frame: Frame) -> object:
        operand = value(frame)
        if operand is None and not takes_null:
            return None
        frame.work_on(operand)
        try:
            return call(operand, frame, *arguments) if takes_frame else call(operand, *arguments)
        except FAULTS as error:
            raise ExpressionError(place.at(f"`{name}`: {message_of(error)}")) from None

    return run


def call_with_computed(known: Native, name: str, place: Place, value: Evaluate | None, arguments: list[Evaluate]) -> Evaluate:
    """Make the closure of a call some of whose arguments are computed."""
    if value is None:
        return _function_call(known, name, place, lambda frame: [argument(frame) for argument in arguments])
    call, takes_frame, takes_null = known.call, known.takes_frame, known.takes_null

    def run(frame: Frame) -> object:
        operand = value(frame)
        if operand is None and not takes_null:
            return None
        frame.work_on(operand)
        given = [argument(frame) for argument in arguments]
        try:
            return call(operand, frame, *given) if takes_frame else call(operand, *given)
        except FAULTS as error:
            raise ExpressionError(place.at(f"`{name}`: {message_of(error)}")) from None

    return run


def _function_call(known: Native, name: str, place: Place, arguments: Callable[[Frame], Sequence[object]]) -> Evaluate:
    call, takes_frame = known.call, known.takes_frame

    def run(frame: Frame) -> object:
        given = arguments(frame)
        frame.charge(1)
        try:
            return call(frame, *given) if takes_frame else call(*given)
        except FAULTS as error:
            raise ExpressionError(place.at(f"`{name}`: {message_of(error)}")) from None

    return run
