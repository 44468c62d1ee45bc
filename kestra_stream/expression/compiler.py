"""Expression trees in, Python closures out: each takes the frame and gives the value."""

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from kestra_stream.errors import ExpressionError, Undefined
from kestra_stream.expression.calls import call_with_computed, call_with_constants, ordered_arguments
from kestra_stream.expression.environment import LOOKUP_FUNCTIONS
from kestra_stream.expression.filters import FILTERS
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.functions import FUNCTIONS, METHODS, TESTS
from kestra_stream.expression.lexer import fail
from kestra_stream.expression.native import FAULTS, Native, message_of, nearest
from kestra_stream.expression.operators import BINARY, negate, plus, truth
from kestra_stream.expression.paths import (
    WHOLE_CONTEXT,
    DynamicItem,
    Evaluate,
    PathItem,
    Place,
    Reference,
    constant_item,
    dynamic_item,
    follow,
    local,
)
from kestra_stream.expression.printing import is_collection, text_of
from kestra_stream.expression.syntax import (
    Arguments,
    Binary,
    Call,
    Chain,
    Expression,
    FilterCall,
    Filtered,
    Item,
    ListLiteral,
    Literal,
    MapLiteral,
    Method,
    Name,
    Ternary,
    Test,
    Unary,
)

_EXTRA_REFERENCES: dict[str, tuple[Reference, ...]] = {
    "currentEachOutput": (("parents",), ("taskrun",)),
    "currentOutput": (("parents",), ("taskrun",)),
    "tasksWithState": (("tasks",),),
    "printContext": (WHOLE_CONTEXT,),
    "fetchContext": (WHOLE_CONTEXT,),
    "render": (WHOLE_CONTEXT,),
    "renderOnce": (WHOLE_CONTEXT,),
}
_RENDERING = frozenset({"render", "renderOnce"})


class ExpressionCompiler:
    """Compiles the expressions of one template, and notes what they need.

    Attributes:
        assigned: names that some tag of the template gives a value; they are looked up in the scopes first.
        bound: names that are surely the template's own at the place now compiled (loop variables, parameters).
        macros: names of the template's macros.
        blocks: names of its blocks.
        references: names of the context that were met.
        functions: names of the functions that were met.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.assigned: set[str] = set()
        self.bound: list[str] = []
        self.macros: dict[str, Callable[[Frame, list[object], dict[str, object]], str]] = {}
        self.blocks: dict[str, Callable[[Frame], str]] = {}
        self.macro_names: set[str] = set()
        self.block_names: set[str] = set()
        self.references: set[Reference] = set()
        self.functions: set[str] = set()
        self._newlines = [index for index, character in enumerate(source) if character == "\n"] if "\n" in source else []

    def place(self, position: int) -> Place:
        """Give the place that messages name."""
        return Place(self.source, bisect_right(self._newlines, position) + 1)

    def expression(self, node: Expression) -> Evaluate:
        """Compile one expression."""
        return _COMPILE[type(node)](self, node)

    def name(self, node: Name) -> Evaluate:
        """Compile a name of the template or of the context."""
        self._refer(node.name, ())
        place = self.place(node.position)
        return local(node.name, place) if node.name in self.assigned else follow((node.name,), place)

    def item(self, node: Item) -> Evaluate:
        """Compile a path: the constant items after a name of the context are followed in one go."""
        items: list[tuple[Expression, int]] = []
        root: Expression = node
        while isinstance(root, Item):
            items.append((root.key, root.position))
            root = root.of
        items.reverse()
        start = 0
        if isinstance(root, Name) and root.name not in self.assigned:
            keys: list[str | int] = [root.name]
            for key, _ in items:
                constant = _constant_key(key)
                if constant is None:
                    break
                keys.append(constant)
            start = len(keys) - 1
            value = follow(tuple(keys), self.place(root.position))
        else:
            value = self._root(root)
        if isinstance(root, Name):
            self._refer(root.name, [key for key, _ in items])
        for key, position in items[start:]:
            place = self.place(position)
            constant = _constant_key(key)
            value = dynamic_item(value, self.expression(key), place) if constant is None else constant_item(value, constant, place)
        return value

    def _root(self, root: Expression) -> Evaluate:
        return local(root.name, self.place(root.position)) if isinstance(root, Name) else self.expression(root)

    def _refer(self, name: str, keys: "list[Expression] | tuple[()]") -> None:
        """Note a path of the context; an index that is no constant and no path ends it."""
        if name in self.bound:
            return
        self.references.add((name, *self._known(keys)))

    def _known(self, keys: "list[Expression] | tuple[()]") -> list[PathItem]:
        known: list[PathItem] = []
        for key in keys:
            constant = _constant_key(key)
            if constant is not None:
                known.append(constant)
            elif (reference := self._plain_path(key)) is not None:
                known.append(DynamicItem(reference))
            else:
                break
        return known

    def _plain_path(self, node: Expression) -> Reference | None:
        keys: list[Expression] = []
        while isinstance(node, Item):
            keys.insert(0, node.key)
            node = node.of
        if not isinstance(node, Name) or node.name in self.assigned:
            return None
        known = self._known(keys)
        return (node.name, *known) if len(known) == len(keys) else None

    def condition(self, value: Evaluate, position: int, *, null: bool = False) -> Callable[[Frame], bool]:
        """Compile what `if`, `and`, `or` and a ternary ask of a value; null is false where `null` is set, else an error."""
        place = self.place(position)

        def run(frame: Frame) -> bool:
            found = value(frame)
            if found is True or found is False:
                return found
            if found is None and null:
                return False
            try:
                return truth(found)
            except TypeError as error:
                raise ExpressionError(place.at(message_of(error))) from None

        return run

    def filtered(self, node: Filtered) -> Evaluate:
        """Compile `value | filter | filter`."""
        return self.filters(self.expression(node.value), node.filters)

    def filters(self, value: Evaluate, calls: tuple[FilterCall, ...]) -> Evaluate:
        """Compile a chain of filters over a value; `default` forgives what is undefined before it."""
        for call in calls:
            known = FILTERS.get(call.name)
            if known is None:
                fail(self.source, call.position, f"Filter [{call.name}] does not exist; {nearest(call.name, FILTERS)}")
            if call.name == "default":
                value = _forgiving(value)
            value = self.python_call(known, call.name, call.arguments, call.position, value)
        return value

    def call(self, node: Call) -> Evaluate:
        """Compile a call of a macro, a block, a function that needs IO, or one of the language's own."""
        if node.name in self.macro_names:
            return _macro_call(self, node)
        if node.name == "block":
            return _block_call(self, node)
        self.functions.add(node.name)
        if node.name in _RENDERING:
            self.functions.update(LOOKUP_FUNCTIONS)
        self.references.update(_EXTRA_REFERENCES.get(node.name, ()))
        if node.name in LOOKUP_FUNCTIONS:
            return _lookup(self, node)
        known = FUNCTIONS.get(node.name)
        if known is None:
            names = [*FUNCTIONS, *LOOKUP_FUNCTIONS, *self.macro_names]
            fail(self.source, node.position, f"Function or Macro [{node.name}] does not exist; {nearest(node.name, names)}")
        return self.python_call(known, node.name, node.arguments, node.position, None)

    def python_call(self, known: Native, name: str, given: Arguments, position: int, value: Evaluate | None) -> Evaluate:
        """Compile a call of a Python function, with its arguments put into order."""
        nodes = ordered_arguments(known, name, given, self.source, position)
        if all(isinstance(node, Literal) for node in nodes):
            constants = tuple(node.value for node in nodes if isinstance(node, Literal))
            return call_with_constants(known, name, self.place(position), value, constants)
        arguments = [self.expression(node) for node in nodes]
        return call_with_computed(known, name, self.place(position), value, arguments)


def _constant_key(node: Expression) -> str | int | None:
    """Give the key that is known after parsing: a text or an int."""
    if isinstance(node, Literal) and isinstance(node.value, str | int) and not isinstance(node.value, bool):
        return node.value
    return None


def _literal(_compiler: ExpressionCompiler, node: Literal) -> Evaluate:
    """Compile a constant."""
    value = node.value
    return lambda _frame: value


def _list_literal(compiler: ExpressionCompiler, node: ListLiteral) -> Evaluate:
    """Compile `[a, b]`."""
    items = [compiler.expression(item) for item in node.items]

    def build(frame: Frame) -> list[object]:
        frame.charge(1)
        return [item(frame) for item in items]

    return build


def _map_literal(compiler: ExpressionCompiler, node: MapLiteral) -> Evaluate:
    """Compile `{'k': v}`; a key is a text, a number or a boolean."""
    pairs = [(compiler.expression(key), compiler.expression(value)) for key, value in node.items]
    place = compiler.place(node.position)

    def build(frame: Frame) -> dict[object, object]:
        frame.charge(1)
        built: dict[object, object] = {}
        for key, value in pairs:
            name = key(frame)
            if is_collection(name):
                raise ExpressionError(place.at("A list or map can not be the key of a map"))
            built[name] = value(frame)
        return built

    return build


def _not(value: object) -> bool:
    return not truth(value)


_UNARY: dict[str, Callable[[object], object]] = {"-": negate, "+": plus, "not": _not}


def _unary(compiler: ExpressionCompiler, node: Unary) -> Evaluate:
    """Compile `not x`, `-x`, `+x`."""
    value, place = compiler.expression(node.value), compiler.place(node.position)
    operate = _UNARY[node.operator]

    def run(frame: Frame) -> object:
        operand = value(frame)
        try:
            return operate(operand)
        except FAULTS as error:
            raise ExpressionError(place.at(message_of(error))) from None

    return run


def _binary(compiler: ExpressionCompiler, node: Binary) -> Evaluate:
    """Compile arithmetic, comparison, containment, ranges."""
    left, right = compiler.expression(node.left), compiler.expression(node.right)
    operate, place = BINARY[node.operator], compiler.place(node.position)

    def run(frame: Frame) -> object:
        one, other = left(frame), right(frame)
        try:
            return operate(one, other, frame)
        except FAULTS as error:
            raise ExpressionError(place.at(message_of(error))) from None

    return run


def _chain(compiler: ExpressionCompiler, node: Chain) -> Evaluate:
    """Compile a run of `and`, `or`, `~`, `??` or `???`."""
    parts = [compiler.expression(part) for part in node.parts]
    match node.operator:
        case "~":
            return _concatenation(parts)
        case "and" | "or":
            return _logic(compiler, parts, node)
        case "??":
            return _coalescing(parts, null_too=True)
        case _:
            return _coalescing(parts, null_too=False)


def _logic(compiler: ExpressionCompiler, parts: list[Evaluate], node: Chain) -> Evaluate:
    ending = node.operator == "or"
    conditions = [compiler.condition(part, node.position) for part in parts]

    def run(frame: Frame) -> bool:
        for condition in conditions:
            if condition(frame) is ending:
                return ending
        return not ending

    return run


def _ternary(compiler: ExpressionCompiler, node: Ternary) -> Evaluate:
    """Compile `condition ? yes : no`; only the chosen side is evaluated."""
    condition = compiler.condition(compiler.expression(node.condition), node.position, null=True)
    yes, no = compiler.expression(node.yes), compiler.expression(node.no)
    return lambda frame: yes(frame) if condition(frame) else no(frame)


def _test(compiler: ExpressionCompiler, node: Test) -> Evaluate:
    """Compile `value is name`; `defined` forgives what is undefined."""
    known = TESTS.get(node.name)
    if known is None:
        fail(compiler.source, node.position, f"Test [{node.name}] does not exist; {nearest(node.name, TESTS)}")
    value = compiler.expression(node.value)
    if node.name == "defined":
        value = _forgiving(value)
    holds = compiler.python_call(known, node.name, node.arguments, node.position, value)
    return (lambda frame: not holds(frame)) if node.negated else holds


def _method(compiler: ExpressionCompiler, node: Method) -> Evaluate:
    """Compile `value.name(arguments)`: one of the safe methods that Java gives texts, lists and maps."""
    known = METHODS.get(node.name)
    if known is None:
        fail(compiler.source, node.position, f"Method [{node.name}] can not be called; {nearest(node.name, METHODS)}")
    return compiler.python_call(known, node.name, node.arguments, node.position, compiler.expression(node.of))


def _arguments(compiler: ExpressionCompiler, given: Arguments) -> tuple[list[Evaluate], dict[str, Evaluate]]:
    return [compiler.expression(node) for node in given.positional], {key: compiler.expression(node) for key, node in given.named}


def _lookup(compiler: ExpressionCompiler, node: Call) -> Evaluate:
    name, place = node.name, compiler.place(node.position)
    positional, named = _arguments(compiler, node.arguments)

    def run(frame: Frame) -> object:
        supplied = frame.environment.functions.get(name)
        if supplied is None:
            raise ExpressionError(place.at(f"The '{name}' function can only be used in a task"))
        args = [argument(frame) for argument in positional]
        kwargs = {key: argument(frame) for key, argument in named.items()}
        frame.charge(1)
        try:
            return supplied(*args, **kwargs)
        except FAULTS as error:
            raise ExpressionError(place.at(f"`{name}`: {message_of(error)}")) from None

    return run


def _macro_call(compiler: ExpressionCompiler, node: Call) -> Evaluate:
    name, macros = node.name, compiler.macros
    positional, named = _arguments(compiler, node.arguments)

    def run(frame: Frame) -> str:
        args = [argument(frame) for argument in positional]
        return macros[name](frame, args, {key: argument(frame) for key, argument in named.items()})

    return run


def _block_call(compiler: ExpressionCompiler, node: Call) -> Evaluate:
    given = node.arguments.positional
    name = given[0].value if len(given) == 1 and isinstance(given[0], Literal) else None
    if not isinstance(name, str) or name not in compiler.block_names:
        fail(compiler.source, node.position, "`block` needs the name of a block of this template, as a text")
    blocks = compiler.blocks

    def run(frame: Frame) -> str:
        return blocks[name](frame)

    return run


def _forgiving(value: Evaluate) -> Evaluate:
    def run(frame: Frame) -> object:
        try:
            return value(frame)
        except Undefined:
            return None

    return run


def _concatenation(parts: list[Evaluate]) -> Evaluate:
    def run(frame: Frame) -> str:
        return frame.text("".join([text_of(part(frame), frame) for part in parts]))

    return run


def _coalescing(parts: list[Evaluate], *, null_too: bool) -> Evaluate:
    *firsts, last = parts

    def run(frame: Frame) -> object:
        for part in firsts:
            try:
                value = part(frame)
            except Undefined:
                continue
            if value is not None or not null_too:
                return value
        return last(frame)

    return run


_COMPILE: dict[type, Callable[[ExpressionCompiler, Any], Evaluate]] = {
    Literal: _literal,
    ListLiteral: _list_literal,
    MapLiteral: _map_literal,
    Name: ExpressionCompiler.name,
    Item: ExpressionCompiler.item,
    Method: _method,
    Call: ExpressionCompiler.call,
    Filtered: ExpressionCompiler.filtered,
    Test: _test,
    Unary: _unary,
    Binary: _binary,
    Chain: _chain,
    Ternary: _ternary,
}
