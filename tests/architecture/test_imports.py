"""Importing is one-way and costs nothing: no cycles of any kind, and no client is loaded before it is used."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping

import pytest

from tests.architecture.limits import RECURSIVE_IMPORTS
from tests.architecture.source_tree import SourceFile, sources

CLIENTS = ("aiohttp", "aiokafka", "confluent_kafka", "elasticsearch", "faust", "minio", "numpy", "sqlalchemy")

Graph = Mapping[str, set[str]]


def imports(file: SourceFile, known: frozenset[str]) -> Iterator[str]:
    """Yield every module of the project that a file imports, lazily or for its types as well."""
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, file.package)
            for alias in node.names:
                name = f"{origin}.{alias.name}" if f"{origin}.{alias.name}" in known else origin
                if name in known:
                    yield name


def absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parents = package.split(".")
    return ".".join(parents[: len(parents) - node.level + 1] + ([node.module] if node.module else []))


def module_graph() -> Graph:
    known = frozenset(file.module for file in sources())
    recursive = dict(RECURSIVE_IMPORTS)
    return {file.module: set(imports(file, known)) - {file.module, recursive.get(file.module, "")} for file in sources()}


def sibling_graphs(graph: Graph) -> dict[str, dict[str, set[str]]]:
    """Fold the graph at each package: which of its children (modules and packages) need which."""
    folded: dict[str, dict[str, set[str]]] = {}
    for importer, imported_modules in graph.items():
        for imported in imported_modules:
            left, right = importer.split("."), imported.split(".")
            shared = next((at for at, (one, other) in enumerate(zip(left, right, strict=False)) if one != other), 0)
            if shared:
                parent = ".".join(left[:shared])
                folded.setdefault(parent, {}).setdefault(left[shared], set()).add(right[shared])
    return folded


def cycles(graph: Graph) -> list[list[str]]:
    """Return one cycle for each node from which it can be reached (depth first); none for a graph without."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(node: str, way: list[str]) -> None:
        if node in way:
            found.append([*way[way.index(node) :], node])
        elif node not in done:
            for successor in sorted(graph.get(node, ())):
                visit(successor, [*way, node])
            done.add(node)

    for start in sorted(graph):
        visit(start, [])
    return found


def test_modules_form_no_cycle_even_for_types() -> None:
    assert cycles(module_graph()) == []


def test_siblings_form_no_cycle_even_for_types() -> None:
    found = {parent: cycles(graph) for parent, graph in sibling_graphs(module_graph()).items()}
    assert {parent: ways for parent, ways in found.items() if ways} == {}


def test_a_cycle_would_be_found() -> None:
    graph = {"a.b.one": {"a.c.two"}, "a.c.two": {"a.b.three"}, "a.b.three": set[str]()}
    assert cycles(graph) == []
    assert cycles(sibling_graphs(graph)["a"]) == [["b", "c", "b"]]
    assert cycles({"one": {"two"}, "two": {"one"}}) == [["one", "two", "one"]]


@pytest.mark.parametrize("module", ["kestra_stream", "kestra_stream.cli.main", "kestra_stream.plugin.api", "kestra_stream.topics"])
def test_importing_loads_no_client(module: str) -> None:
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == 0, run.stderr
    assert set(json.loads(run.stdout)) & set(CLIENTS) == set()
