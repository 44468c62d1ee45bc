"""Tokens in, expression trees out: precedence climbing over one table of operators.

Binding, from loose to tight::

    ternary · or · and · is, contains, in · == != < > <= >= · + - · * / % · | · ~ · .. ?? ??? · not, unary + - · . [] ()
"""

from collections.abc import Sequence
from typing import NoReturn

from kestra_stream.expression.lexer import Kind, Token, fail
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

MAX_NESTING = 64
_MAX_INT = 2**63 - 1

_PRECEDENCE = {
    "or": 10, "and": 15,
    "is": 20, "contains": 20, "in": 20, "not in": 20,
    "==": 30, "equals": 30, "!=": 30, "<": 30, ">": 30, "<=": 30, ">=": 30,
    "+": 40, "-": 40, "*": 60, "/": 60, "%": 60,
    "|": 100, "~": 110, "..": 120, "??": 120, "???": 120,
}  # fmt: skip
_WORDS = frozenset({"or", "and", "is", "contains", "in", "not", "equals"})
_CHAINS = frozenset({"or", "and", "~", "??", "???"})
_CONSTANTS = {
    "true": True, "TRUE": True, "false": False, "FALSE": False, "null": None, "NULL": None, "none": None, "NONE": None,
}  # fmt: skip


class TokenStream:
    """A list of tokens, and where the reader stands in it."""

    def __init__(self, source: str, tokens: Sequence[Token]) -> None:
        self.source = source
        self.tokens = tokens
        self.index = 0
        self.nesting = 0

    @property
    def current(self) -> Token:
        """The token not yet read."""
        return self.tokens[self.index]

    def take(self) -> Token:
        """Read one token."""
        token = self.tokens[self.index]
        self.index += 1
        return token

    def peek_is(self, text: str) -> bool:
        """Tell whether the next token is this operator or word."""
        token = self.tokens[self.index]
        return token.text == text and token.kind in (Kind.OPERATOR, Kind.NAME)

    def accept(self, text: str) -> bool:
        """Read the next token if it is this operator or word, and tell whether it was."""
        if self.peek_is(text):
            self.index += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        """Read this operator or word, or fail."""
        if not self.peek_is(text):
            self.unexpected(f"`{text}`")
        return self.take()

    def expect_kind(self, kind: Kind, wanted: str) -> Token:
        """Read a token of this kind, or fail."""
        if self.current.kind is not kind:
            self.unexpected(wanted)
        return self.take()

    def unexpected(self, wanted: str) -> NoReturn:
        """Fail: something else should stand here."""
        token = self.current
        shown = token.kind.value if token.kind in (Kind.END, Kind.INTERPOLATION, Kind.TEXT, Kind.RAW) else f"`{token.text}`"
        self.fail(f"Unexpected {shown} where {wanted} should stand")

    def fail(self, message: str, token: Token | None = None) -> NoReturn:
        """Raise InvalidExpression at a token (default: the next one)."""
        fail(self.source, (token or self.current).position, message)

    def enter(self) -> None:
        """Go one level deeper, or fail when that is too deep; pairs with `leave`."""
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            self.fail(f"The expression is nested more than {MAX_NESTING} levels deep")

    def leave(self) -> None:
        """Come back from a level."""
        self.nesting -= 1


def parse_expression(stream: TokenStream) -> Expression:
    """Parse the loosest level: a ternary, or anything that binds tighter."""
    stream.enter()
    condition = _binary(stream, 0)
    token = stream.current
    if stream.accept("?"):
        yes = parse_expression(stream)
        stream.expect(":")
        condition = Ternary(condition, yes, parse_expression(stream), token.position)
    stream.leave()
    return condition


def _operator(stream: TokenStream) -> str | None:
    """Name the binary operator that comes next, if one does."""
    token = stream.current
    if token.kind is Kind.NAME:
        if token.text not in _WORDS:
            return None
        if token.text == "not":
            following = stream.tokens[stream.index + 1]
            return "not in" if following.kind is Kind.NAME and following.text == "in" else None
        return token.text
    return token.text if token.kind is Kind.OPERATOR and token.text in _PRECEDENCE else None


def _binary(stream: TokenStream, least: int) -> Expression:
    left = _unary(stream)
    while (operator := _operator(stream)) is not None:
        precedence = _PRECEDENCE[operator]
        if precedence < least:
            break
        token = stream.take()
        if operator == "|":
            left = _filters(stream, left)
        elif operator == "is":
            left = _test(stream, left)
        elif operator in _CHAINS:
            left = _chain(stream, operator, left, token.position)
        else:
            if operator == "not in":
                stream.take()
            left = Binary(operator, left, _binary(stream, precedence + 1), token.position)
    return left


def _chain(stream: TokenStream, operator: str, first: Expression, position: int) -> Expression:
    tighter = _PRECEDENCE[operator] + 1
    parts = [first, _binary(stream, tighter)]
    while stream.accept(operator):
        parts.append(_binary(stream, tighter))
    return Chain(operator, tuple(parts), position)


def _filters(stream: TokenStream, value: Expression) -> Expression:
    return Filtered(value, parse_filter_calls(stream))


def parse_filter_calls(stream: TokenStream) -> tuple[FilterCall, ...]:
    """Parse `name`, `name(arguments)` and more of them with `|` between."""
    calls = [_filter_call(stream)]
    while stream.accept("|"):
        calls.append(_filter_call(stream))
        if len(calls) > MAX_NESTING:
            stream.fail(f"More than {MAX_NESTING} filters follow each other")
    return tuple(calls)


def _filter_call(stream: TokenStream) -> FilterCall:
    name = stream.expect_kind(Kind.NAME, "the name of a filter")
    return FilterCall(name.text, _optional_arguments(stream), name.position)


def _test(stream: TokenStream, value: Expression) -> Expression:
    negated = stream.accept("not")
    name = stream.expect_kind(Kind.NAME, "the name of a test")
    return Test(value, name.text, _optional_arguments(stream), negated, name.position)


def _unary(stream: TokenStream) -> Expression:
    token = stream.current
    is_sign = token.kind is Kind.OPERATOR and token.text in ("-", "+")
    if is_sign or (token.kind is Kind.NAME and token.text == "not"):
        stream.take()
        stream.enter()
        value = Unary(token.text, _unary(stream), token.position)
        stream.leave()
        return value
    return _postfix(stream, _primary(stream))


def _postfix(stream: TokenStream, value: Expression) -> Expression:
    while True:
        token = stream.current
        if stream.accept("."):
            name = stream.expect_kind(Kind.NAME, "the name of an attribute (an index stands in brackets: `[0]`)")
            if stream.peek_is("("):
                value = Method(value, name.text, parse_arguments(stream), name.position)
            else:
                value = Item(value, Literal(name.text), name.position)
        elif stream.accept("["):
            key = parse_expression(stream)
            stream.expect("]")
            value = Item(value, key, token.position)
        else:
            return value


def _primary(stream: TokenStream) -> Expression:
    token = stream.current
    match token.kind:
        case Kind.NAME:
            stream.take()
            if token.text in _CONSTANTS:
                return Literal(_CONSTANTS[token.text])
            if stream.peek_is("("):
                return Call(token.text, parse_arguments(stream), token.position)
            return Name(token.text, token.position)
        case Kind.NUMBER:
            return _number(stream)
        case Kind.STRING:
            return Literal(stream.take().text)
        case Kind.INTERPOLATION:
            return _interpolation(stream)
        case Kind.OPERATOR if token.text in "([{":
            return _bracketed(stream)
        case _:
            return stream.unexpected("a value")


def _number(stream: TokenStream) -> Expression:
    token = stream.take()
    if "." in token.text:
        return Literal(float(token.text))
    if len(token.text) > len(str(_MAX_INT)) or int(token.text) > _MAX_INT:
        stream.fail(f"The number {token.text[:30]} does not fit in 64 bits", token)
    return Literal(int(token.text))


def _interpolation(stream: TokenStream) -> Expression:
    token = stream.take()
    parts: list[Expression] = [Literal("")]
    for part in token.parts:
        if isinstance(part, str):
            parts.append(Literal(part))
            continue
        inner = TokenStream(stream.source, [*part, Token(Kind.END, "", token.position)])
        inner.nesting = stream.nesting
        parts.append(parse_expression(inner))
        if inner.current.kind is not Kind.END:
            inner.unexpected("`}`")
    return Chain("~", tuple(parts), token.position)


def _bracketed(stream: TokenStream) -> Expression:
    opening = stream.take()
    if opening.text == "(":
        value = parse_expression(stream)
        stream.expect(")")
        return value
    if opening.text == "[":
        items: list[Expression] = []
        while not stream.accept("]"):
            items.append(parse_expression(stream))
            if not stream.peek_is("]"):
                stream.expect(",")
        return ListLiteral(tuple(items))
    pairs: list[tuple[Expression, Expression]] = []
    while not stream.accept("}"):
        key = parse_expression(stream)
        stream.expect(":")
        pairs.append((key, parse_expression(stream)))
        if not stream.peek_is("}"):
            stream.expect(",")
    return MapLiteral(tuple(pairs), opening.position)


def _optional_arguments(stream: TokenStream) -> Arguments:
    return parse_arguments(stream) if stream.peek_is("(") else Arguments()


def parse_arguments(stream: TokenStream) -> Arguments:
    """Parse `(a, b, name=c)`; a named argument may not be followed by a positional one."""
    stream.expect("(")
    positional: list[Expression] = []
    named: dict[str, Expression] = {}
    while not stream.accept(")"):
        name = _argument_name(stream)
        if name is not None:
            if name.text in named:
                stream.fail(f"The argument `{name.text}` is given twice", name)
            named[name.text] = parse_expression(stream)
        elif named:
            stream.fail("A positional argument may not follow a named one")
        else:
            positional.append(parse_expression(stream))
        if not stream.peek_is(")"):
            stream.expect(",")
    return Arguments(tuple(positional), tuple(named.items()))


def _argument_name(stream: TokenStream) -> Token | None:
    """Read `name =` if that comes next."""
    token = stream.current
    following = stream.tokens[stream.index + 1] if stream.index + 1 < len(stream.tokens) else token
    if token.kind is Kind.NAME and following.kind is Kind.OPERATOR and following.text == "=":
        stream.index += 2
        return token
    return None
