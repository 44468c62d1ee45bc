"""Globs over relative paths: `*` and `?` stay inside a folder, `**` crosses folders, `{a,b}` and `[a-z]` choose."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

_WILD = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]", ",": "|", "{": "(?:", "}": ")"}
_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\{|\}|,|\[[^\]/]+\]|\\.|.", re.DOTALL)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a test of relative paths: true when one of the patterns matches the whole path.

    A pattern may start with `glob:` or `regex:`; a leading `/` or `./` is ignored.
    """
    compiled = [_compiled(pattern) for pattern in patterns]
    return lambda path: any(pattern.fullmatch(path) for pattern in compiled)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    if pattern.startswith("regex:"):
        return re.compile(pattern[6:], re.DOTALL)
    text = pattern.removeprefix("glob:").removeprefix("./").lstrip("/")
    parts: list[str] = []
    depth = 0
    for token in _TOKEN.findall(text):
        depth += (token == "{") - (token == "}")
        parts.append(_translated(token, depth))
    return re.compile("".join(parts) + ")" * max(depth, 0), re.DOTALL)


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
