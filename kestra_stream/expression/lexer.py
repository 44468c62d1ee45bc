"""Template text in, tokens out.

Between delimiters everything is text. Inside, names, numbers, texts and operators; a double-quoted text with `#{}` is one
token that holds its parts: texts, and lists of tokens.
"""

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple, NoReturn

from kestra_stream.errors import InvalidExpression

MAX_SOURCE = 1_000_000
MAX_TOKENS = 50_000
_MAX_QUOTE_DEPTH = 20
_SHOWN_NAME = 200
_MAX_NAME = 1000


class Kind(Enum):
    """What a token is."""

    TEXT = "text"
    RAW = "raw text"
    PRINT_START = "{{"
    PRINT_END = "}}"
    TAG_START = "{%"
    TAG_END = "%}"
    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    INTERPOLATION = "interpolated string"
    OPERATOR = "operator"
    END = "end of the template"


class Token(NamedTuple):
    """One token: its kind, its text (for an interpolation: its parts) and its place."""

    kind: Kind
    text: str
    position: int
    parts: tuple["str | list[Token]", ...] = ()


_OPENING = re.compile(r"\{\{-?|\{%-?|\{#-?")
_RAW = re.compile(r"\{%-?\s*(raw|verbatim)\s*(-?)%\}")
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<number>\d+(?:\.\d+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<single>'(?:[^'\\]|\\.)*')"
    r"|(?P<operator>\?\?\?|\?\?|\.\.|==|!=|<=|>=|[-+*/%<>=|~?:,.()\[\]{}])",
    re.DOTALL,
)
_QUOTED = re.compile(r'(?:[^"\\#]|\\.|#(?!\{))*', re.DOTALL)
_CLOSERS = {"(": ")", "[": "]", "{": "}"}


def locate(source: str, position: int) -> tuple[int, int]:
    """Give the 1-based line and column of a position."""
    before = source[:position]
    return before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1


def shorten(source: str) -> str:
    """Give the template as messages show it: whole, or its first thousand characters."""
    return source if len(source) <= 1000 else source[:1000] + "…"  # noqa: PLR2004


def named(key: object) -> str:
    """Give a name, key or index as messages show it: at most its first characters."""
    text = str(key) if key is None or isinstance(key, str | int | float) else "a map" if isinstance(key, Mapping) else "a list"
    return text if len(text) <= _SHOWN_NAME else text[:_SHOWN_NAME] + "…"


def fail(source: str, position: int, message: str) -> NoReturn:
    """Raise InvalidExpression that names the expression and the place."""
    line, column = locate(source, position)
    raise InvalidExpression(f"{message}, in the expression `{shorten(source)}` at line {line}, column {column}")


def tokenize(source: str) -> list[Token]:
    """Split a template into tokens.

    Raises:
        InvalidExpression: a delimiter, text or bracket is not closed, a character means nothing here, or there is too much of it.
    """
    if len(source) > MAX_SOURCE:
        raise InvalidExpression(f"A template may have {MAX_SOURCE:,} characters at most; this one has {len(source):,}")
    return _Lexer(source).run()


class _Lexer:
    """Reads one template from left to right."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.tokens: list[Token] = []
        self.trim_next = False
        self.quotes = 0
        self.read = 0

    def run(self) -> list[Token]:
        source = self.source
        while opening := _OPENING.search(source, self.position):
            self._text(opening.start(), trim=opening.group().endswith("-"))
            if raw := _RAW.match(source, opening.start()):
                self._raw(raw)
            elif opening.group().startswith("{#"):
                self._comment(opening)
            else:
                self._inside(opening)
        self._text(len(source), trim=False)
        self.tokens.append(Token(Kind.END, "", len(source)))
        return self.tokens

    def _text(self, end: int, *, trim: bool) -> None:
        text = self.source[self.position : end]
        if self.trim_next:
            text = text.lstrip()
        if trim:
            text = text.rstrip()
        if text:
            self.tokens.append(Token(Kind.TEXT, text, self.position))
        self.trim_next = False

    def _raw(self, opening: re.Match[str]) -> None:
        closing = re.compile(r"\{%(-?)\s*end" + opening.group(1) + r"\s*(-?)%\}").search(self.source, opening.end())
        if closing is None:
            fail(self.source, opening.start(), f"`{{% {opening.group(1)} %}}` is not closed by `{{% end{opening.group(1)} %}}`")
        text = self.source[opening.end() : closing.start()]
        text = text.lstrip() if opening.group(2) else text
        text = text.rstrip() if closing.group(1) else text
        self.tokens.append(Token(Kind.RAW, text, opening.end()))
        self.position = closing.end()
        self.trim_next = bool(closing.group(2))

    def _comment(self, opening: re.Match[str]) -> None:
        end = self.source.find("#}", opening.end())
        if end < 0:
            fail(self.source, opening.start(), "The comment is not closed by `#}`")
        self.trim_next = self.source[end - 1] == "-"
        self.position = end + 2

    def _inside(self, opening: re.Match[str]) -> None:
        is_print = opening.group().startswith("{{")
        self._count(opening.start())
        self.tokens.append(Token(Kind.PRINT_START if is_print else Kind.TAG_START, opening.group(), opening.start()))
        self.position = opening.end()
        closing = "}}" if is_print else "%}"
        found = self._expression(opening.start(), closing)
        self.tokens.extend(found)
        self.tokens.append(Token(Kind.PRINT_END if is_print else Kind.TAG_END, closing, self.position))
        if self.source[self.position] == "-":
            self.trim_next = True
            self.position += 1
        self.position += 2

    def _expression(self, start: int, closing: str) -> list[Token]:
        """Read tokens up to the closing delimiter, and leave it unread."""
        found: list[Token] = []
        brackets: list[str] = []
        source = self.source
        endings = (closing,) if closing == "}" else (closing, "-" + closing)
        while True:
            if not brackets and source.startswith(endings, self.position):
                return found
            if self.position >= len(source):
                fail(source, start, f"`{source[start : start + 2]}` is not closed by `{closing}`")
            token = self._token()
            if token is None:
                continue
            found.append(token)
            if token.kind is Kind.OPERATOR:
                self._balance(brackets, token)

    def _balance(self, brackets: list[str], token: Token) -> None:
        if token.text in _CLOSERS:
            brackets.append(_CLOSERS[token.text])
        elif token.text in ")]}" and (not brackets or brackets.pop() != token.text):
            fail(self.source, token.position, f"`{token.text}` closes nothing that is open")

    def _count(self, position: int) -> None:
        """Refuse a template whose compilation would take long: each token costs some ten microseconds."""
        self.read += 1
        if self.read > MAX_TOKENS:
            fail(self.source, position, f"A template may have {MAX_TOKENS:,} names, numbers, texts and signs inside delimiters")

    def _token(self) -> Token | None:
        position = self.position
        if self.source[position] == '"':
            return self._quoted()
        match = _TOKEN.match(self.source, position)
        if match is None:
            if self.source[position] == "'":
                fail(self.source, position, "The text is not closed by `'`")
            fail(self.source, position, f"Unexpected character `{self.source[position]}`")
        self.position = match.end()
        self._count(position)
        text = match.group()
        match match.lastgroup:
            case "space":
                return None
            case "number":
                return Token(Kind.NUMBER, text, position)
            case "name":
                if len(text) > _MAX_NAME:
                    fail(self.source, position, f"A name may have {_MAX_NAME:,} characters at most")
                return Token(Kind.NAME, text, position)
            case "single":
                return Token(Kind.STRING, text[1:-1].replace("\\'", "'"), position)
            case _:
                return Token(Kind.OPERATOR, text, position)

    def _quoted(self) -> Token:
        start = self.position
        self.position += 1
        self.quotes += 1
        self._count(start)
        if self.quotes > _MAX_QUOTE_DEPTH:
            fail(self.source, start, f"Texts with `#{{}}` are nested more than {_MAX_QUOTE_DEPTH} deep")
        parts: list[str | list[Token]] = []
        while True:
            match = _QUOTED.match(self.source, self.position)
            text = match.group() if match else ""
            self.position += len(text)
            if text:
                parts.append(text.replace('\\"', '"'))
            if self.source.startswith("#{", self.position):
                opened = self.position
                self.position += 2
                parts.append(self._expression(opened, "}"))
                self.position += 1
            elif self.source.startswith('"', self.position):
                self.position += 1
                break
            else:
                fail(self.source, start, 'The text is not closed by `"`')
        self.quotes -= 1
        if any(isinstance(part, list) for part in parts):
            return Token(Kind.INTERPOLATION, "", start, tuple(parts))
        return Token(Kind.STRING, "".join(part for part in parts if isinstance(part, str)), start)
