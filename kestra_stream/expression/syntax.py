"""The tree of a parsed template: expressions give a value, statements write text. `position` is an offset in the source."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, number, boolean or null."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the context or of the template."""

    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Item:
    """`of.key`, `of['key']` or `of[0]`."""

    of: "Expression"
    key: "Expression"
    position: int


@dataclass(frozen=True, slots=True)
class Arguments:
    """What stands between the parentheses of a call."""

    positional: tuple["Expression", ...] = ()
    named: tuple[tuple[str, "Expression"], ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """`of.name(arguments)`: one of the safe methods of a text, list or map."""

    of: "Expression"
    name: str
    arguments: Arguments
    position: int


@dataclass(frozen=True, slots=True)
class Call:
    """`name(arguments)`: a function or a macro."""

    name: str
    arguments: Arguments
    position: int


@dataclass(frozen=True, slots=True)
class FilterCall:
    """One filter of a chain, without its input."""

    name: str
    arguments: Arguments
    position: int


@dataclass(frozen=True, slots=True)
class Filtered:
    """`value | filter | filter`."""

    value: "Expression"
    filters: tuple[FilterCall, ...]


@dataclass(frozen=True, slots=True)
class Test:
    """`value is name(arguments)`, or `is not`."""

    value: "Expression"
    name: str
    arguments: Arguments
    negated: bool
    position: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`not x`, `-x`, `+x`."""

    operator: str
    value: "Expression"
    position: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right` of arithmetic, comparison, `contains`, `in` and `..`."""

    operator: str
    left: "Expression"
    right: "Expression"
    position: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A run of one associative operator: `and`, `or`, `~`, `??` or `???`."""

    operator: str
    parts: tuple["Expression", ...]
    position: int


@dataclass(frozen=True, slots=True)
class Ternary:
    """`condition ? yes : no`."""

    condition: "Expression"
    yes: "Expression"
    no: "Expression"
    position: int


@dataclass(frozen=True, slots=True)
class ListLiteral:
    """`[a, b]`."""

    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class MapLiteral:
    """`{'k': v}`."""

    items: tuple[tuple["Expression", "Expression"], ...]


Expression = Literal | Name | Item | Method | Call | Filtered | Test | Unary | Binary | Chain | Ternary | ListLiteral | MapLiteral


@dataclass(frozen=True, slots=True)
class Text:
    """Text that stands for itself; `raw` text is never rendered again."""

    text: str
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Print:
    """`{{ value }}`."""

    value: Expression
    position: int


@dataclass(frozen=True, slots=True)
class If:
    """`{% if %}`: the branches in order, then what `else` holds."""

    branches: tuple[tuple[Expression, "Body"], ...]
    otherwise: "Body"
    position: int


@dataclass(frozen=True, slots=True)
class For:
    """`{% for name in items %}`; `otherwise` when there are none."""

    name: str
    items: Expression
    body: "Body"
    otherwise: "Body"
    position: int


@dataclass(frozen=True, slots=True)
class Assign:
    """`{% set name = value %}`."""

    name: str
    value: Expression


@dataclass(frozen=True, slots=True)
class Macro:
    """`{% macro name(parameters) %}`: parameters with their defaults."""

    name: str
    parameters: tuple[tuple[str, Expression | None], ...]
    body: "Body"
    position: int


@dataclass(frozen=True, slots=True)
class Block:
    """`{% block name %}`: printed where it stands and again by `block(name)`."""

    name: str
    body: "Body"


@dataclass(frozen=True, slots=True)
class FilterBlock:
    """`{% filter a | b %}`: the text of the body goes through the filters."""

    filters: tuple[FilterCall, ...]
    body: "Body"


Statement = Text | Print | If | For | Assign | Macro | Block | FilterBlock
Body = tuple[Statement, ...]
