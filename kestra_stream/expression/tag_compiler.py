"""Statements in, Python closures out: each takes the frame and the list of texts to write to."""

from collections.abc import Callable, Collection, Iterator
from typing import TypeGuard, assert_never

from kestra_stream.errors import ExpressionError, InvalidExpression
from kestra_stream.expression.compiler import ExpressionCompiler
from kestra_stream.expression.frame import Frame, Scope
from kestra_stream.expression.paths import Evaluate
from kestra_stream.expression.printing import is_list, is_map, text_of
from kestra_stream.expression.syntax import (
    Assign,
    Block,
    Body,
    FilterBlock,
    For,
    If,
    Macro,
    Print,
    Statement,
    Text,
)

Run = Callable[[Frame, list[str]], None]
MAX_HEIGHT = 200


def statements_of(body: Body) -> Iterator[Statement]:
    """Walk over the statements of a body and of all bodies inside it."""
    for statement in body:
        yield statement
        match statement:
            case If(branches=branches, otherwise=otherwise):
                for _, inner in branches:
                    yield from statements_of(inner)
                yield from statements_of(otherwise)
            case For(body=inner, otherwise=otherwise):
                yield from statements_of(inner)
                yield from statements_of(otherwise)
            case Macro(body=inner) | Block(body=inner) | FilterBlock(body=inner):
                yield from statements_of(inner)
            case _:
                pass  # nothing is inside a text, a print or an assignment


def _is_node(value: object) -> TypeGuard[tuple[object, ...]]:
    return isinstance(value, tuple)


def check_height(body: Body, source: str) -> None:
    """Refuse a tree so high that to evaluate it would use up Python's stack; a chain like `1 + 1 + …` makes one."""
    waiting: list[tuple[object, int]] = [(body, 0)]
    while waiting:
        node, height = waiting.pop()
        if not _is_node(node):
            continue
        if height > MAX_HEIGHT:
            raise InvalidExpression(f"The expression `{source[:200]}…` has more than {MAX_HEIGHT} operators inside each other")
        inside = height + (type(node) is not tuple)  # a plain tuple only lists nodes
        waiting.extend((part, inside) for part in node)


class TagCompiler:
    """Compiles the statements of one template; its expressions go to an ExpressionCompiler."""

    def __init__(self, expressions: ExpressionCompiler) -> None:
        self.expressions = expressions
        self.uses_loop = "loop" in expressions.source

    def prepare(self, body: Body) -> None:
        """Note the names that tags make anywhere in the template, before anything is compiled."""
        noted = self.expressions
        for statement in statements_of(body):
            match statement:
                case Assign(name=name):
                    noted.assigned.add(name)
                case For(name=name):
                    noted.assigned.update((name, "loop"))
                case Macro(name=name, parameters=parameters):
                    noted.macro_names.add(name)
                    noted.assigned.update(parameter for parameter, _ in parameters)
                case Block(name=name):
                    noted.block_names.add(name)
                case _:
                    pass  # the others make no names

    def body(self, body: Body) -> Run:
        """Compile statements that follow each other."""
        runs = [self._statement(statement) for statement in body]
        if len(runs) == 1:
            return runs[0]

        def run(frame: Frame, out: list[str]) -> None:
            for one in runs:
                one(frame, out)

        return run

    def _statement(self, statement: Statement) -> Run:
        match statement:
            case Text():
                return self._text(statement)
            case Print():
                return self._print(self.expressions.expression(statement.value))
            case If():
                return self._if(statement)
            case For():
                return self._for(statement)
            case Assign():
                return self._assign(statement)
            case Macro():
                return self._macro(statement)
            case Block():
                return self._block(statement)
            case FilterBlock():
                return self._filter(statement)
            case _:
                assert_never(statement)

    @staticmethod
    def _text(statement: Text) -> Run:
        text, length = statement.text, len(statement.text)

        def write(frame: Frame, out: list[str]) -> None:
            frame.write(length)
            out.append(text)

        def write_raw(frame: Frame, out: list[str]) -> None:
            frame.write(length)
            if frame.raws is None:
                out.append(text)
            else:
                out.append(raw_mark(len(frame.raws)))
                frame.raws.append(text)

        return write_raw if statement.raw else write

    @staticmethod
    def _print(value: Evaluate) -> Run:
        def run(frame: Frame, out: list[str]) -> None:
            text = text_of(value(frame), frame)
            frame.write(len(text))
            out.append(text)

        return run

    def _if(self, statement: If) -> Run:
        compiler = self.expressions
        branches = [
            (compiler.condition(compiler.expression(condition), statement.position), self.body(body))
            for condition, body in statement.branches
        ]
        otherwise = self.body(statement.otherwise)

        def run(frame: Frame, out: list[str]) -> None:
            for condition, body in branches:
                if condition(frame):
                    body(frame, out)
                    return
            otherwise(frame, out)

        return run

    def _assign(self, statement: Assign) -> Run:
        name, value = statement.name, self.expressions.expression(statement.value)

        def run(frame: Frame, _out: list[str]) -> None:
            frame.charge(1)
            frame.assign(name, value(frame))

        return run

    def _for(self, statement: For) -> Run:
        compiler = self.expressions
        name, place, uses_loop = statement.name, compiler.place(statement.position), self.uses_loop
        value = compiler.expression(statement.items)
        compiler.bound.extend((name, "loop"))
        body = self.body(statement.body)
        del compiler.bound[-2:]
        otherwise = self.body(statement.otherwise)

        def run(frame: Frame, out: list[str]) -> None:
            items = _entries(value(frame), frame)
            if items is None:
                raise ExpressionError(place.at("Not an iterable object: a loop goes over a list or a map"))
            if not items:
                otherwise(frame, out)
                return
            scope: Scope = {}
            parent = next((outer["loop"] for outer in reversed(frame.scopes) if "loop" in outer), None)
            frame.scopes.append(scope)
            try:
                for index, item in enumerate(items):
                    frame.charge(1)
                    scope[name] = item
                    if uses_loop:
                        scope["loop"] = _loop(index, len(items), parent)
                    body(frame, out)
            finally:
                frame.scopes.pop()

        return run

    def _text_of_body(self, body: Body) -> Callable[[Frame], str]:
        inner = self.body(body)

        def render(frame: Frame) -> str:
            out: list[str] = []
            inner(frame, out)
            return "".join(out)

        return render

    def _macro(self, statement: Macro) -> Run:
        compiler = self.expressions
        names = [name for name, _ in statement.parameters]
        defaults = [None if default is None else compiler.expression(default) for _, default in statement.parameters]
        compiler.bound.extend(names)
        body = self._text_of_body(statement.body)
        del compiler.bound[len(compiler.bound) - len(names) :]
        name, place = statement.name, compiler.place(statement.position)

        def call(frame: Frame, args: list[object], kwargs: dict[str, object]) -> str:
            unknown = [key for key in kwargs if key not in names]
            if unknown or len(args) > len(names):
                surplus = unknown[0] if unknown else f"number {len(args)}"
                raise ExpressionError(place.at(f"The macro `{name}` has no argument {surplus}"))
            frame.enter()
            saved = frame.scopes
            scope: Scope = {}
            frame.scopes = [scope]
            try:
                for index, (parameter, default) in enumerate(zip(names, defaults, strict=True)):
                    if index < len(args):
                        scope[parameter] = args[index]
                    elif parameter in kwargs:
                        scope[parameter] = kwargs[parameter]
                    else:
                        scope[parameter] = default(frame) if default is not None else None
                return body(frame)
            finally:
                frame.scopes = saved
                frame.leave()

        compiler.macros[name] = call
        return _nothing

    def _block(self, statement: Block) -> Run:
        body = self._text_of_body(statement.body)

        def render(frame: Frame) -> str:
            frame.enter()
            try:
                return body(frame)
            finally:
                frame.leave()

        self.expressions.blocks[statement.name] = render

        def run(frame: Frame, out: list[str]) -> None:
            out.append(render(frame))

        return run

    def _filter(self, statement: FilterBlock) -> Run:
        return self._print(self.expressions.filters(self._text_of_body(statement.body), statement.filters))


def _nothing(_frame: Frame, _out: list[str]) -> None:
    """Write nothing: a macro writes where it is called."""


def raw_mark(index: int) -> str:
    """Give the mark that stands for a raw text while the output is rendered again; no one types a NUL."""
    return f"\0raw {index}\0"


def _loop(index: int, length: int, parent: object) -> dict[str, object]:
    return {
        "index": index,
        "length": length,
        "first": index == 0,
        "last": index == length - 1,
        "revindex": length - index - 1,
        "parent": parent,
    }


def _entries(value: object, frame: Frame) -> Collection[object] | None:
    """Give what a loop goes over: a list itself, a map's entries, nothing for null; None for anything else."""
    if value is None:
        return ()
    if is_map(value):
        frame.check_items(len(value))
        return [{"key": key, "value": item} for key, item in value.items()]
    if is_list(value):
        return value
    return None
