"""Unknown errors are caught at six kinds of border only, and only the command line prints."""

import ast
from collections.abc import Iterator

from tests.architecture.limits import BORDER_KINDS, BORDERS
from tests.architecture.source_tree import Function, SourceFile, functions, sources

BROAD = {"Exception", "BaseException"}


def caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"BaseException"}
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {kind.id for kind in types if isinstance(kind, ast.Name)}


def owners(file: SourceFile) -> dict[ast.AST, str]:
    """Map every node to the innermost function that it lies in."""
    owner: dict[ast.AST, str] = {}
    for place, node in functions(file):
        owner.update(dict.fromkeys(descendants(node), place))
    return owner


def descendants(node: Function) -> Iterator[ast.AST]:
    return (inner for inner in ast.walk(node) if inner is not node)


def broad_handlers() -> set[str]:
    """Return the functions that catch everything, and do more than clean up and pass it on."""
    found: set[str] = set()
    for file in sources():
        owner = owners(file)
        handlers = (node for node in ast.walk(file.tree) if isinstance(node, ast.ExceptHandler))
        found |= {owner.get(node, f"{file.place}:") for node in handlers if caught(node) & BROAD and not passes_on(node)}
    return found


def passes_on(handler: ast.ExceptHandler) -> bool:
    """Tell a handler that ends by raising the same error again."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_everything_is_caught_at_named_borders_only() -> None:
    assert broad_handlers() - set(BORDERS) == set()


def test_every_named_border_is_there() -> None:
    assert set(BORDERS) - broad_handlers() == set()
    assert set(BORDERS.values()) <= BORDER_KINDS


def test_only_the_command_line_prints() -> None:
    found = [
        f"{file.place}:{node.lineno}"
        for file in sources()
        if not file.module.startswith("kestra_stream.cli")
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []
