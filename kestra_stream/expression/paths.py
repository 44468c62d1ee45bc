"""Paths into the context, as `outputs.a[taskrun.value].uri`: how they are named, and how they are followed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from kestra_stream.errors import Undefined
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.lexer import named, shorten
from kestra_stream.expression.printing import is_map

Evaluate = Callable[[Frame], object]
MISSING: object = object()


@dataclass(frozen=True, slots=True)
class DynamicItem:
    """An index that is itself a path: `[taskrun.value]`."""

    reference: "Reference"


PathItem = str | int | DynamicItem
Reference = tuple[PathItem, ...]
"""A name of the context that a template needs, with as much of the path as is known after compiling."""

WHOLE_CONTEXT: Reference = ("*",)
"""What a template needs that looks its names up while it renders (`render()`, `fetchContext()`)."""


def attribute(value: object, key: object) -> object:
    """Follow one item: a map's key (an int also by its text), a list's index; MISSING when it is not there."""
    if is_map(value):
        return _entry(value, key)
    if _is_sequence(value):
        if isinstance(key, str) and key.isdecimal():
            key = int(key) if len(key) < 20 else -1  # noqa: PLR2004 - more digits than any index has
        if type(key) is int and 0 <= key < len(value):
            return value[key]
    return MISSING


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _entry(value: Mapping[object, object], key: object) -> object:
    try:
        return value[key]
    except (KeyError, TypeError):
        pass
    if type(key) is int:
        return value.get(str(key), MISSING)
    if isinstance(key, str) and key.removeprefix("-").isdecimal() and len(key) < 20:  # noqa: PLR2004 - as above
        return value.get(int(key), MISSING)
    return MISSING


class Place:
    """Where in a template something stands; makes the messages of what goes wrong there."""

    __slots__ = ("line", "source")

    def __init__(self, source: str, line: int) -> None:
        self.source = source
        self.line = line

    def unfound(self, key: object) -> Undefined:
        """Make the error for a name, attribute, key or index that is not there."""
        return Undefined(f"Unable to find `{named(key)}` used in the expression `{shorten(self.source)}` at line {self.line}")

    def at(self, message: object) -> str:
        """Add the place to a message."""
        return f"{message}, in the expression `{shorten(self.source)}` at line {self.line}"


def follow(keys: tuple[str | int, ...], place: Place) -> Evaluate:
    """Compile a path of the context whose items are all constant."""

    def walk(frame: Frame) -> object:
        value: object = frame.variables
        for key in keys:
            if type(value) is dict and key in value:  # pyright: ignore[reportUnknownArgumentType]  # a dict of whatever
                value = value[key]  # pyright: ignore[reportUnknownVariableType]  # as above
                continue
            value = attribute(value, key)  # pyright: ignore[reportUnknownArgumentType]  # as above
            if value is MISSING:
                raise place.unfound(key)
        return value  # pyright: ignore[reportUnknownVariableType]  # as above

    return walk


def local(name: str, place: Place) -> Evaluate:
    """Compile a name that the template itself may have made; else it is the context's."""

    def look_up(frame: Frame) -> object:
        for scope in reversed(frame.scopes):
            if name in scope:
                return scope[name]
        value = attribute(frame.variables, name)
        if value is MISSING:
            raise place.unfound(name)
        return value

    return look_up


def constant_item(of: Evaluate, key: str | int, place: Place) -> Evaluate:
    """Compile `of.key`."""

    def walk(frame: Frame) -> object:
        value = of(frame)
        if type(value) is dict and key in value:
            return value[key]  # pyright: ignore[reportUnknownVariableType]  # as above
        value = attribute(value, key)  # pyright: ignore[reportUnknownArgumentType]  # as above
        if value is MISSING:
            raise place.unfound(key)
        return value

    return walk


def dynamic_item(of: Evaluate, key: Evaluate, place: Place) -> Evaluate:
    """Compile `of[key]`."""

    def walk(frame: Frame) -> object:
        value = of(frame)
        index = key(frame)
        found = attribute(value, index)
        if found is MISSING:
            raise place.unfound(index)
        return found

    return walk
