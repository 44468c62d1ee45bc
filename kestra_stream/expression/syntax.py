"""The tree of a parsed template: expressions give a value, statements write text. `position` is an offset in the source."""

from typing import NamedTuple


class Literal(NamedTuple):
    """A text, number, boolean or null."""

    value: object


class Name(NamedTuple):
    """A name of the context or of the template."""

    name: str
    position: int


class Item(NamedTuple):
    """`of.key`, `of['key']` or `of[0]`."""

    of: "Expression"
    key: "Expression"
    position: int


class Arguments(NamedTuple):
    """What stands between the parentheses of a call."""

    positional: tuple["Expression", ...] = ()
    named: tuple[tuple[str, "Expression"], ...] = ()


class Method(NamedTuple):
    """`of.name(arguments)`: one of the safe methods of a text, list or map."""

    of: "Expression"
    name: str
    arguments: Arguments
    position: int


class Call(NamedTuple):
    """`name(arguments)`: a function or a macro."""

    name: str
    arguments: Arguments
    position: int


class FilterCall(NamedTuple):
    """One filter of a chain, without its input."""

    name: str
    arguments: Arguments
    position: int


class Filtered(NamedTuple):
    """`value | filter | filter`."""

    value: "Expression"
    filters: tuple[FilterCall, ...]


class Test(NamedTuple):
    """`value is name(arguments)`, or `is not`."""

    value: "Expression"
    name: str
    arguments: Arguments
    negated: bool
    position: int


class Unary(NamedTuple):
    """`not x`, `-x`, `+x`."""

    operator: str
    value: "Expression"
    position: int


class Binary(NamedTuple):
    """`left operator right` of arithmetic, comparison, `contains`, `in` and `..`."""

    operator: str
    left: "Expression"
    right: "Expression"
    position: int


class Chain(NamedTuple):
    """A run of one associative operator: `and`, `or`, `~`, `??` or `???`."""

    operator: str
    parts: tuple["Expression", ...]
    position: int


class Ternary(NamedTuple):
    """`condition ? yes : no`."""

    condition: "Expression"
    yes: "Expression"
    no: "Expression"
    position: int


class ListLiteral(NamedTuple):
    """`[a, b]`."""

    items: tuple["Expression", ...]


class MapLiteral(NamedTuple):
    """`{'k': v}`."""

    items: tuple[tuple["Expression", "Expression"], ...]
    position: int


Expression = Literal | Name | Item | Method | Call | Filtered | Test | Unary | Binary | Chain | Ternary | ListLiteral | MapLiteral


class Text(NamedTuple):
    """Text that stands for itself; `raw` text is never rendered again."""

    text: str
    raw: bool = False


class Print(NamedTuple):
    """`{{ value }}`."""

    value: Expression
    position: int


class If(NamedTuple):
    """`{% if %}`: the branches in order, then what `else` holds."""

    branches: tuple[tuple[Expression, "Body"], ...]
    otherwise: "Body"
    position: int


class For(NamedTuple):
    """`{% for name in items %}`; `otherwise` when there are none."""

    name: str
    items: Expression
    body: "Body"
    otherwise: "Body"
    position: int


class Assign(NamedTuple):
    """`{% set name = value %}`."""

    name: str
    value: Expression


class Macro(NamedTuple):
    """`{% macro name(parameters) %}`: parameters with their defaults."""

    name: str
    parameters: tuple[tuple[str, Expression | None], ...]
    body: "Body"
    position: int


class Block(NamedTuple):
    """`{% block name %}`: printed where it stands and again by `block(name)`."""

    name: str
    body: "Body"


class FilterBlock(NamedTuple):
    """`{% filter a | b %}`: the text of the body goes through the filters."""

    filters: tuple[FilterCall, ...]
    body: "Body"


Statement = Text | Print | If | For | Assign | Macro | Block | FilterBlock
Body = tuple[Statement, ...]
