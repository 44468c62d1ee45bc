"""Regular expressions of templates: Java's syntax, run by the `regex` package within a time budget.

Most are done in microseconds. One that is not done within half a millisecond is tried again with ten times as long, up to the budget's
time; each try uses up the steps that it may take, a microsecond each. So a template can not string slow ones together.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from kestra_stream.expression.frame import Frame

if TYPE_CHECKING:
    import regex

_MAX_PATTERN = 4096
_FIRST_SECONDS = 0.0005
_LONGER = 10
_STEPS_A_SECOND = 1_000_000
_SPECIAL = re.compile(r"[.^$*+?{}\[\]\\|()]")
_QUOTATION = re.compile(r"\\Q(.*?)(?:\\E|$)", re.DOTALL)
_REFERENCE = re.compile(r"\\(.)|\$(?:(\d+)|\{(\w+)\})", re.DOTALL)
_PARTS = re.compile(
    r"\\[pPxN]\{[^}]*\}|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(?P<count>\d{1,9})(?:,\d*)?\}|(?P<foreign>\{|\(\?(?:R|[-+]?\d|&|P>))|.", re.DOTALL
)
_MAX_SIZE = 20_000
_Result = TypeVar("_Result")


def is_plain(pattern: str) -> bool:
    """Tell whether a pattern is a text without any special character."""
    return _SPECIAL.search(pattern) is None


def _size(pattern: str) -> int:
    """Estimate how large a pattern gets when its counted repetitions are written out, as the `regex` package does.

    Raises:
        ValueError: it uses what that package has and Java has not: recursion, and matches that are only near.
    """
    open_groups = [0]
    last = 0
    for part in _PARTS.finditer(pattern):
        text = part.group()
        if part.group("foreign"):
            remedy = "write `\\{` for the character" if text == "{" else "a pattern can not call itself"
            raise ValueError(f"the regular expression `{pattern[:200]}` does not parse: `{text}` at {part.start()}; {remedy}")
        if text == "(":
            open_groups.append(0)
            continue
        if text == ")" and len(open_groups) > 1:
            last = open_groups.pop() + 1
        elif part.group("count"):
            last *= max(int(part.group("count")) - 1, 0)
        else:
            last = 1
        open_groups[-1] += last
        if open_groups[-1] > _MAX_SIZE:
            break
        last = last if not part.group("count") else open_groups[-1]
    return sum(open_groups)


@lru_cache(maxsize=128)
def compiled(pattern: str) -> "regex.Pattern[str]":
    """Compile a pattern in Java's syntax; ValueError when it does not parse."""
    import regex  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    if len(pattern) > _MAX_PATTERN:
        raise ValueError(f"a regular expression may have {_MAX_PATTERN} characters at most")
    source = _QUOTATION.sub(lambda match: re.escape(match.group(1)), pattern).replace(r"\z", r"\Z")
    if _size(source) > _MAX_SIZE:
        raise ValueError(f"the regular expression `{pattern[:200]}` repeats more than {_MAX_SIZE:,} parts")
    try:
        return regex.compile(source, cache_pattern=False)
    except (regex.error, RecursionError, OverflowError, MemoryError) as error:
        raise ValueError(f"the regular expression `{pattern[:200]}` does not parse: {error}") from None


def timed(frame: Frame, run: Callable[[float], _Result]) -> _Result:
    """Run a search that takes a timeout in seconds; BudgetExceeded when even the whole budget is not enough."""
    most = frame.environment.budget.regex_seconds
    seconds = min(_FIRST_SECONDS, most)
    while True:
        frame.charge(int(seconds * _STEPS_A_SECOND))
        try:
            return run(seconds)
        except TimeoutError:
            if seconds == most:
                frame.exceeded(f"more than {most} seconds for one regular expression")
        seconds = min(seconds * _LONGER, most)


def search(pattern: str, text: str, frame: Frame) -> "regex.Match[str] | None":
    """Find the first place where the pattern matches."""
    found = compiled(pattern)
    return timed(frame, lambda seconds: found.search(text, timeout=seconds))


def matches(pattern: str, text: str, frame: Frame) -> "list[regex.Match[str]]":
    """Find all places where the pattern matches, as many as a list may have items."""
    found = compiled(pattern)

    def collect(seconds: float) -> "list[regex.Match[str]]":
        kept: list[regex.Match[str]] = []
        for match in found.finditer(text, timeout=seconds):
            kept.append(match)
            if len(kept) > frame.environment.budget.items:
                break
        return kept

    all_matches = timed(frame, collect)
    frame.check_items(len(all_matches))
    frame.charge(2 * len(all_matches))
    return all_matches


def replace_all(pattern: str, text: str, replacement: str, frame: Frame) -> str:
    r"""Replace every match; `$1`, `${name}` and `\$` in the replacement mean what they mean in Java."""
    if "$" not in replacement and "\\" not in replacement and len(replacement) * (len(text) + 1) <= frame.environment.budget.characters:
        found = compiled(pattern)
        return frame.text(timed(frame, lambda seconds: found.sub(replacement, text, timeout=seconds)))
    parts: list[str] = []
    end = length = 0
    for match in matches(pattern, text, frame):
        put = _REFERENCE.sub(partial(_referred, match), replacement)
        length += len(put)
        if length > frame.environment.budget.characters:
            frame.check_characters(length)
        parts += (text[end : match.start()], put)
        end = match.end()
    return frame.text("".join(parts) + text[end:])


def _referred(match: "regex.Match[str]", reference: re.Match[str]) -> str:
    escaped, number, name = reference.groups()
    if escaped is not None:
        return str(escaped)
    if number is None:
        return match.group(name) or ""
    # Java takes as many digits as make a group that exists.
    while len(number) > 1 and int(number) > match.re.groups:
        number = number[:-1]
    rest = reference.group(2)[len(number) :]
    return (match.group(int(number)) or "") + rest


def split(pattern: str, text: str, limit: int, frame: Frame) -> list[str]:
    """Split as Java's String.split: a limit of 0 drops empty texts at the end, a negative one keeps all."""
    parts = list(_pieces(pattern, text, limit, frame))
    if limit == 0:
        while len(parts) > 1 and not parts[-1]:
            parts.pop()
    return parts


def _pieces(pattern: str, text: str, limit: int, frame: Frame) -> Iterator[str]:
    if not pattern:
        frame.check_items(len(text))
        most = len(text) if limit <= 0 else limit - 1
        yield from text[:most]
        if text[most:] or limit < 0:
            yield text[most:]
        return
    if is_plain(pattern):
        parts = text.split(pattern, limit - 1 if limit > 0 else -1)
        frame.check_items(len(parts))
        yield from parts
        return
    end = count = 0
    for match in matches(pattern, text, frame):
        if limit > 0 and count == limit - 1:
            break
        if match.end() == 0 or (match.end() == match.start() == len(text)):
            continue  # nothing matched before the first or after the last character
        yield text[end : match.start()]
        end = match.end()
        count += 1
    yield text[end:]
