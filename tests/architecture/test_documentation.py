"""Docstrings are where a reader looks, comments are few and short, and nothing is left for later."""

import ast
import re
from collections.abc import Iterator

from tests.architecture.limits import LIMITS
from tests.architecture.source_tree import SourceFile, classes, comments, functions, sources, test_files, total_lines

LATER = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")


def is_public(place: str) -> bool:
    return not any(name.startswith("_") for name in place.rpartition(":")[2].split("."))


def inside_function(file: SourceFile) -> set[ast.AST]:
    """Return everything defined inside of a function: nobody else can reach it."""
    return {inner for _, node in functions(file) for inner in ast.walk(node) if inner is not node}


def public_functions() -> Iterator[tuple[str, bool]]:
    """Yield the place of each public function with whether it has a docstring; what overrides a port is documented there."""
    for file in sources():
        hidden = inside_function(file)
        for place, node in functions(file):
            if is_public(place) and node not in hidden:
                yield place, ast.get_docstring(node) is not None


def comment_blocks(file: SourceFile) -> Iterator[tuple[int, int]]:
    """Yield (first line, number of lines) of each run of whole-line comments."""
    source = file.text.splitlines()
    start, length = 0, 0
    for line in [line for line, _ in comments(file) if source[line - 1].lstrip().startswith("#")]:
        if line == start + length:
            length += 1
            continue
        if length:
            yield start, length
        start, length = line, 1
    if length:
        yield start, length


def test_every_module_has_a_docstring() -> None:
    assert [file.place for file in sources() if ast.get_docstring(file.tree) is None] == []


def test_every_public_class_has_a_docstring() -> None:
    found = [
        place
        for file in sources()
        for place, node in classes(file)
        if is_public(place) and node not in inside_function(file) and ast.get_docstring(node) is None
    ]
    assert found == []


def test_most_public_functions_have_a_docstring() -> None:
    documented = dict(public_functions())
    share = 100 * sum(documented.values()) / max(1, len(documented))
    missing = [place for place, has in documented.items() if not has]
    assert share >= LIMITS["documented public functions, %"].value, missing


def test_comments_are_few() -> None:
    count = sum(len(comments(file)) for file in sources())
    assert 100 * count / total_lines(sources()) <= LIMITS["comments per 100 lines"].value


def test_comments_are_short() -> None:
    limit = LIMITS["lines of a comment"].value
    found = [f"{file.place}:{start}" for file in sources() for start, length in comment_blocks(file) if length > limit]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    """What is to be done is an issue, and what is there is whole."""
    marks = [f"{file.place}:{line}" for file in (*sources(), *test_files()) for line, text in comments(file) if LATER.search(text)]
    stubs = [f"{file.place}:{number}" for file in sources() for number, line in enumerate(file.text.splitlines(), 1) if is_stub(line)]
    assert marks + stubs == []


def is_stub(line: str) -> bool:
    return bool(re.search(r"^(?!\s*except ).*\bNotImplementedError\b", line)) or bool(LATER.search(line.partition("#")[2]))
