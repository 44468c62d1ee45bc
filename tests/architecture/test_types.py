"""Everything is typed, and the ways around the types are few and carry their reasons."""

import ast
import re

from tests.architecture.limits import LIMITS
from tests.architecture.source_tree import Function, comments, functions, sources, test_files, total_lines

IGNORE = re.compile(r"type:\s*ignore|pyright:\s*ignore")
IGNORE_WITH_REASON = re.compile(r"ignore\[[\w\-, ]+\]\s+# \S+ \S+")
NOQA_WITH_CODE = re.compile(r"# noqa: [A-Z]+[0-9]+")


def names_used(name: str) -> int:
    """Count the places where a name of `typing` is used; its import is none."""
    nodes = (node for file in sources() for node in ast.walk(file.tree))
    return sum(
        (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name) for node in nodes
    )


def per_thousand(count: int) -> float:
    return 1000 * count / total_lines(sources())


def untyped(node: Function, *, method: bool) -> bool:
    arguments = [*node.args.posonlyargs, *node.args.args]
    if method and arguments and not any(isinstance(item, ast.Name) and item.id == "staticmethod" for item in node.decorator_list):
        arguments = arguments[1:]
    rest = [argument for argument in (node.args.vararg, node.args.kwarg) if argument]
    return node.returns is None or any(argument.annotation is None for argument in (*arguments, *node.args.kwonlyargs, *rest))


def test_every_function_is_typed() -> None:
    found = [place for file in sources() for place, node in functions(file) if untyped(node, method=node in methods(file.tree))]
    assert found == []


def methods(tree: ast.Module) -> set[ast.AST]:
    return {child for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for child in node.body}


def test_any_is_rare() -> None:
    assert per_thousand(names_used("Any")) <= LIMITS["Any per 1000 lines"].value


def test_cast_is_rare() -> None:
    assert per_thousand(names_used("cast")) <= LIMITS["cast per 1000 lines"].value


def test_ignored_types_are_rare() -> None:
    ignored = sum(bool(IGNORE.search(text)) for file in sources() for _, text in comments(file))
    assert per_thousand(ignored) <= LIMITS["type: ignore per 1000 lines"].value


def test_an_ignored_type_carries_code_and_reason() -> None:
    files = (*sources(), *test_files())
    ignored = [(f"{file.place}:{line}", text) for file in files for line, text in comments(file) if IGNORE.search(text)]
    assert [(place, text) for place, text in ignored if not IGNORE_WITH_REASON.search(text)] == []


def test_a_silenced_rule_names_its_code() -> None:
    files = (*sources(), *test_files())
    silenced = [(f"{file.place}:{line}", text) for file in files for line, text in comments(file) if text.startswith("# noqa")]
    assert [(place, text) for place, text in silenced if not NOQA_WITH_CODE.match(text)] == []
