"""Globs over relative paths: `*` and `?` stay inside a folder, `**` crosses folders, `{a,b}` and `[a-z]` choose."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from kestra_stream.errors import Invalid
from kestra_stream.expression.filters.regexes import compiled

if TYPE_CHECKING:
    import regex

_SECONDS = 1.0
_WILD = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]", ",": "|", "{": "(?:", "}": ")"}
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\{|\}|,|\[[^\]/]+\]|\\.|.", re.DOTALL)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a test of relative paths: true when one of the patterns matches the whole path.

    A pattern may start with `glob:` or `regex:`; a leading `/` or `./` is ignored. The test raises Invalid for a pattern that
    takes too long.

    Raises:
        Invalid: a pattern does not parse.
    """
    known = [(pattern, _compiled(pattern)) for pattern in patterns]
    return lambda path: any(_matches(pattern, written, path) for written, pattern in known)


def _matches(pattern: "regex.Pattern[str]", written: str, path: str) -> bool:
    try:
        return pattern.fullmatch(path, timeout=_SECONDS, concurrent=True) is not None
    except TimeoutError:
        raise Invalid(f"the pattern `{written}` takes more than {_SECONDS:g} s for the name `{path[:100]}`; write a simpler one") from None


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> "regex.Pattern[str]":
    source = pattern.removeprefix("regex:") if pattern.startswith("regex:") else _as_regex(pattern)
    try:
        return compiled(f"(?s:{source})")
    except ValueError as error:
        raise Invalid(f"the pattern `{pattern}`: {error}") from None


def _as_regex(pattern: str) -> str:
    text = pattern.removeprefix("glob:").removeprefix("./").lstrip("/")
    parts: list[str] = []
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token == "{") - (token == "}")
        parts.append(_translated(token, depth))
    return "".join(parts) + ")" * max(depth, 0)


def _translated(token: str, depth: int) -> str:
    if token == "," and depth <= 0:
        return ","
    if token == "}" and depth < 0:
        return re.escape(token)
    if token in _WILD:
        return _WILD[token]
    if len(token) > 2 and token.startswith("["):  # noqa: PLR2004 - brackets and something between
        inside = token[1:-1].replace("\\", "\\\\")
        return f"[^{inside[1:]}]" if inside.startswith("!") else f"[{inside}]"
    return re.escape(token.removeprefix("\\"))
