"""The project's own source, parsed once: what every test of the architecture looks at."""

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kestra_stream"

type_of_function = (ast.FunctionDef, ast.AsyncFunctionDef)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One parsed file.

    Attributes:
        place: path from the root of the checkout, with `/`.
        module: dotted name; a package's own name for its `__init__`.
    """

    place: str
    module: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """Number of lines."""
        return self.text.count("\n")

    @property
    def is_package(self) -> bool:
        """Whether the file is a package's `__init__`."""
        return self.place.endswith("/__init__.py")

    @property
    def package(self) -> str:
        """Dotted name of the package that the file lies in."""
        return self.module if self.is_package else self.module.rpartition(".")[0]


def read(path: Path) -> SourceFile:
    """Parse one file of the checkout."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    text = path.read_text(encoding="utf-8")
    module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return SourceFile(path.relative_to(ROOT).as_posix(), module, text, ast.parse(text))


@cache
def sources() -> tuple[SourceFile, ...]:
    """Return every file of the package, by path."""
    return tuple(read(path) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def test_files() -> tuple[SourceFile, ...]:
    """Return every Python file under tests, by path."""
    return tuple(read(path) for path in sorted((ROOT / "tests").rglob("*.py")))


test_files.__test__ = False  # type: ignore[attr-defined]  # pytest must not take it for a test


@cache
def tracked() -> tuple[Path, ...]:
    """Return every file that git tracks or would track, by path; needs git and a checkout."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return tuple(ROOT / name for name in sorted(names) if name and (ROOT / name).is_file())


def functions(file: SourceFile) -> Iterator[tuple[str, Function]]:
    """Yield every function of a file with its qualified place, as `file:Class.method`."""
    yield from ((f"{file.place}:{name}", node) for name, node in _named(file.tree, ()) if isinstance(node, type_of_function))


def classes(file: SourceFile) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield every class of a file with its qualified place."""
    yield from ((f"{file.place}:{name}", node) for name, node in _named(file.tree, ()) if isinstance(node, ast.ClassDef))


def _named(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, Function | ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*type_of_function, ast.ClassDef)):
            yield ".".join((*names, child.name)), child
            yield from _named(child, (*names, child.name))
        else:
            yield from _named(child, names)


def body_lines(node: Function) -> int:
    """Count the lines of a function's body, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return (node.end_lineno or 0) - body[0].lineno + 1 if body else 0


def complexity(node: Function) -> int:
    """Count the ways through a function (McCabe, by statements as ruff does), nested functions left out."""
    return 1 + sum(_branches(inner) for child in node.body for inner in _own_nodes(child))


def _own_nodes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, (*type_of_function, ast.ClassDef, ast.Lambda)):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _own_nodes(child)


def _branches(node: ast.AST) -> int:
    match node:
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While() | ast.ExceptHandler():
            return 1
        case ast.Match():
            return sum(not is_wildcard(case) for case in node.cases)
        case _:
            return 0


def is_wildcard(case: ast.match_case) -> bool:
    """Tell the case that matches whatever is left."""
    return isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None and case.guard is None


def base_names(node: ast.ClassDef) -> set[str]:
    """Return the last names of a class's bases, as `Protocol` for `typing.Protocol[T]`."""
    bases = (base.value if isinstance(base, ast.Subscript) else base for base in node.bases)
    return {base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "") for base in bases}


def comments(file: SourceFile) -> list[tuple[int, str]]:
    """Return the comments of a file as (line, text)."""
    tokens = tokenize.generate_tokens(io.StringIO(file.text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def percentile(values: Iterable[float], share: float) -> float:
    """Return the value that this share (0 to 1) of all values does not exceed; 0 without values."""
    ranked: Sequence[float] = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))] if ranked else 0


def total_lines(files: Iterable[SourceFile]) -> int:
    """Count lines, at least one."""
    return max(1, sum(file.lines for file in files))
