"""Java's DateTimeFormatter patterns, split into fields once and kept: `yyyy-MM-dd'T'HH:mm`."""

from dataclasses import dataclass
from functools import lru_cache

_LETTERS = frozenset("GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZp")
_MAX_PATTERN = 500
_MAX_RUN = 19


@dataclass(frozen=True, slots=True)
class Field:
    """A run of one pattern letter."""

    letter: str
    count: int


@dataclass(frozen=True, slots=True)
class Optional:
    """A part in brackets: printed always, parsed when it is there."""

    parts: "Pattern"


Pattern = tuple["Field | Optional | str", ...]


@lru_cache(maxsize=512)
def parse_pattern(pattern: str) -> Pattern:
    """Split a pattern into fields, optional parts and literal texts.

    Raises:
        ValueError: a letter is unknown, or a quote or bracket is not closed.
    """
    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"a date pattern has {_MAX_PATTERN} characters at most")
    open_parts: list[list[Field | Optional | str]] = [[]]
    position = 0
    while position < len(pattern):
        letter = pattern[position]
        if letter == "'":
            position = _quoted(pattern, position, open_parts[-1])
        elif letter == "[":
            open_parts.append([])
            position += 1
        elif letter == "]":
            if len(open_parts) == 1:
                raise ValueError("Pattern invalid as it contains ] without previous [")
            inner = open_parts.pop()
            open_parts[-1].append(Optional(tuple(inner)))
            position += 1
        elif letter.isascii() and letter.isalpha():
            position = _field(pattern, position, open_parts[-1])
        else:
            open_parts[-1].append(letter)
            position += 1
    while len(open_parts) > 1:
        inner = open_parts.pop()
        open_parts[-1].append(Optional(tuple(inner)))
    return tuple(open_parts[0])


def _quoted(pattern: str, start: int, parts: list[Field | Optional | str]) -> int:
    """Read a text in single quotes; two quotes stand for one."""
    end = start + 1
    text = ""
    while True:
        closing = pattern.find("'", end)
        if closing < 0:
            raise ValueError(f"Pattern ends with an incomplete string literal: {pattern}")
        text += pattern[end:closing]
        if not pattern.startswith("''", closing):
            break
        text += "'"
        end = closing + 2
    parts.append(text or "'")
    return closing + 1


def _field(pattern: str, start: int, parts: list[Field | Optional | str]) -> int:
    letter = pattern[start]
    end = start
    while end < len(pattern) and pattern[end] == letter:
        end += 1
    if letter not in _LETTERS:
        raise ValueError(f"Unknown pattern letter: {letter}")
    if end - start > _MAX_RUN:
        raise ValueError(f"Too many pattern letters: {letter}")
    parts.append(Field(letter, end - start))
    return end
