"""Errors of the YAML parser: its words in, a sentence with a remedy and the place to look at out."""

from collections.abc import Mapping
from typing import Any

from kestra_stream.document.places import Mark

_SENTENCES: Mapping[str, str] = {
    "mapping values are not allowed in this context": "a second `:` in one line, or a line that is indented too deep; "
    "quote text that holds `: `",
    "did not find expected key": "this line does not fit the map that it stands in; check its indentation",
    "did not find expected '-' indicator": "this line does not fit the list that it stands in; check its indentation",
    "did not find expected ',' or ']'": "the list in `[ ]` goes on without a `,` or does not end with a `]`",
    "did not find expected ',' or '}'": "the map in `{ }` goes on without a `,` or does not end with a `}`",
    "did not find expected node content": "a value is expected here",
    "block sequence entries are not allowed in this context": "a list may not begin here; put its `-` on a line of its own",
    "found unknown escape character": "a backslash in double quotes must be doubled; single quotes take it as it is",
    "did not find expected <document start>": "the document has ended before this line; check its indentation",
}
_AT_ITS_START: Mapping[str, str] = {
    "could not find expected ':'": "this line needs a `:` and a space behind its key",
    "found unexpected end of stream": "the quoted text that begins here does not end",
    "found unexpected document indicator": "the quoted text that begins here does not end",
}
_INDICATORS = "@`%|>"
_LONGEST_LINE = 1_000


def sentence_and_mark(error: Any, text: str) -> tuple[str, Mark]:
    """Say what is wrong and where."""
    problem = str(error.problem or error.context or error)
    mark = error.problem_mark or error.context_mark
    if problem in _AT_ITS_START and error.context_mark is not None:
        sentence, mark = _AT_ITS_START[problem], error.context_mark
    else:
        sentence = _SENTENCES.get(problem, problem)
    if mark is None:
        return f"not YAML: {sentence}", (1, 1)
    line = _line(text, mark.index, mark.column)
    if "cannot start any token" in problem or "violat" in problem or "tab" in problem:
        sentence = _about_character(line[mark.column : mark.column + 1], line) or sentence
    if "{{" in line and "quote" not in sentence:
        sentence = f"{sentence}; text that begins with an expression must be quoted"
    return f"not YAML: {sentence}", (mark.line + 1, mark.column + 1)


def _about_character(character: str, line: str) -> str:
    if character == "\t" or line.strip(" ").startswith("\t"):
        return "a tab may not indent a line; use spaces"
    if character and character in _INDICATORS:
        return f"text that begins with `{character}` must be quoted"
    return ""


def _line(text: str, index: int, column: int) -> str:
    start = max(index - column, 0)
    return text[start : start + _LONGEST_LINE].partition("\n")[0]
