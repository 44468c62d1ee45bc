"""A whole template's tokens in, its statements out: text, prints and tags."""

from collections.abc import Callable, Collection

from kestra_stream.expression.lexer import Kind, Token, tokenize
from kestra_stream.expression.native import nearest
from kestra_stream.expression.parser import TokenStream, parse_expression, parse_filter_calls
from kestra_stream.expression.syntax import (
    Assign,
    Block,
    Body,
    Expression,
    FilterBlock,
    For,
    If,
    Macro,
    Print,
    Statement,
    Text,
)


def parse(source: str) -> Body:
    """Parse a template.

    Raises:
        InvalidExpression: it does not parse; the message names the expression, the place and what should stand there.
    """
    stream = TokenStream(source, tokenize(source))
    return _body(stream, ())


def _body(stream: TokenStream, ends: Collection[str]) -> Body:
    """Parse statements up to one of the tags in `ends` (its `{%` is read, its name is not), or to the end of the template."""
    stream.enter()
    statements: list[Statement] = []
    while True:
        token = stream.take()
        match token.kind:
            case Kind.TEXT:
                statements.append(Text(token.text))
            case Kind.RAW:
                statements.append(Text(token.text, raw=True))
            case Kind.PRINT_START:
                value = parse_expression(stream)
                stream.expect_kind(Kind.PRINT_END, "`}}`")
                statements.append(Print(value, token.position))
            case Kind.TAG_START:
                if stream.current.kind is Kind.NAME and stream.current.text in ends:
                    break
                statements.append(_tag(stream, ends))
            case _:
                if ends:
                    stream.fail(f"The tag is not closed: {_wanted(ends)} is missing", token)
                break
    stream.leave()
    return tuple(statements)


def _wanted(ends: Collection[str]) -> str:
    return " or ".join(f"`{{% {end} %}}`" for end in ends)


def _tag(stream: TokenStream, ends: Collection[str]) -> Statement:
    name = stream.expect_kind(Kind.NAME, "the name of a tag")
    parse_tag = _TAGS.get(name.text)
    if parse_tag is None:
        stream.fail(f'Unexpected tag name "{name.text}"; {nearest(name.text, [*_TAGS, *ends])}', name)
    return parse_tag(stream, name)


def _close(stream: TokenStream) -> None:
    stream.expect_kind(Kind.TAG_END, "`%}`")


def _end(stream: TokenStream) -> None:
    """Read the name of an end tag and what closes it."""
    stream.take()
    _close(stream)


def _if(stream: TokenStream, tag: Token) -> Statement:
    branches: list[tuple[Expression, Body]] = []
    otherwise: Body = ()
    condition = parse_expression(stream)
    _close(stream)
    while True:
        branches.append((condition, _body(stream, ("elseif", "else", "endif"))))
        ending = stream.take().text
        if ending != "elseif":
            break
        condition = parse_expression(stream)
        _close(stream)
    _close(stream)
    if ending == "else":
        otherwise = _body(stream, ("endif",))
        _end(stream)
    return If(tuple(branches), otherwise, tag.position)


def _for(stream: TokenStream, tag: Token) -> Statement:
    name = stream.expect_kind(Kind.NAME, "the name of the loop's variable")
    stream.expect("in")
    items = parse_expression(stream)
    _close(stream)
    body = _body(stream, ("else", "endfor"))
    otherwise: Body = ()
    ending = stream.take().text
    _close(stream)
    if ending == "else":
        otherwise = _body(stream, ("endfor",))
        _end(stream)
    return For(name.text, items, body, otherwise, tag.position)


def _set(stream: TokenStream, _tag: Token) -> Statement:
    name = stream.expect_kind(Kind.NAME, "the name of a variable")
    stream.expect("=")
    value = parse_expression(stream)
    _close(stream)
    return Assign(name.text, value)


def _macro(stream: TokenStream, _tag: Token) -> Statement:
    name = stream.expect_kind(Kind.NAME, "the name of the macro")
    stream.expect("(")
    parameters: dict[str, Expression | None] = {}
    while not stream.accept(")"):
        parameter = stream.expect_kind(Kind.NAME, "the name of a parameter")
        parameters[parameter.text] = parse_expression(stream) if stream.accept("=") else None
        if not stream.peek_is(")"):
            stream.expect(",")
    _close(stream)
    body = _body(stream, ("endmacro",))
    stream.take()
    if stream.current.kind is Kind.NAME:
        stream.expect(name.text)
    _close(stream)
    return Macro(name.text, tuple(parameters.items()), body, name.position)


def _block(stream: TokenStream, _tag: Token) -> Statement:
    is_quoted = stream.current.kind is Kind.STRING
    name = stream.take() if is_quoted else stream.expect_kind(Kind.NAME, "the name of the block")
    _close(stream)
    body = _body(stream, ("endblock",))
    stream.take()
    if stream.current.kind in (Kind.NAME, Kind.STRING) and stream.current.text == name.text:
        stream.take()
    _close(stream)
    return Block(name.text, body)


def _filter(stream: TokenStream, _tag: Token) -> Statement:
    filters = parse_filter_calls(stream)
    _close(stream)
    body = _body(stream, ("endfilter",))
    _end(stream)
    return FilterBlock(filters, body)


_TAGS: dict[str, Callable[[TokenStream, Token], Statement]] = {
    "if": _if,
    "for": _for,
    "set": _set,
    "macro": _macro,
    "block": _block,
    "filter": _filter,
}
