"""Tests run, all of them, on real objects."""

import ast
import re
from pathlib import Path

from tests.architecture.limits import LIMITS, WAITING_TESTS
from tests.architecture.source_tree import ROOT, functions, sources, test_files, total_lines

AVOIDED = re.compile(r"pytest\.(?:mark\.)?(?:sk" r"ip|xf" r"ail)|import" r"orskip|unittest\.sk" r"ip")
MOCKED = re.compile(r"\b(?:Mo" r"ck|Magic" r"Mock|Async" r"Mock|monkey" r"patch\.|mock\.pa" r"tch)\b")


def test_no_test_is_avoided() -> None:
    lines = ((file.place, number, line) for file in test_files() for number, line in enumerate(file.text.splitlines(), 1))
    assert [f"{place}:{number}" for place, number, line in lines if AVOIDED.search(line)] == []


def test_mocks_are_rare() -> None:
    mocked = sum(bool(MOCKED.search(line)) for file in test_files() for line in file.text.splitlines())
    tests = sum(node.name.startswith("test_") for file in test_files() for _, node in functions(file))
    assert 100 * mocked / max(1, tests) <= LIMITS["lines with a mock per 100 tests"].value


def test_there_is_as_much_test_as_source() -> None:
    """Flows with their expected results count as tests: each line states what must come out."""
    flows = sum(path.read_text(encoding="utf-8").count("\n") for path in flow_files())
    share = (total_lines(test_files()) + flows) / total_lines(sources())
    assert share >= LIMITS["test lines per source line"].value


def flow_files() -> list[Path]:
    return [path for path in (ROOT / "tests" / "flows").rglob("*") if path.suffix in {".yaml", ".yml"}]


def test_only_tests_on_real_services_ask_for_them() -> None:
    """`make unit` and the first part of `make test` start nothing."""
    served = ("tests/integration/", "tests/contract/", "tests/services/", "tests/conftest.py", "tests/architecture/")
    others = [file for file in test_files() if not file.place.startswith(served)]
    imports = [file.place for file in others if "tests.services" in file.text]
    asked = [
        place for file in others for place, node in functions(file) if {"kafka", "kafka_cluster"} & {arg.arg for arg in node.args.args}
    ]
    assert imports + asked == []


def test_no_test_waits_by_the_clock() -> None:
    """An event or a manual clock says when; a plain sleep makes a test slow and flaky."""
    found = [
        f"{file.place}:{node.lineno}"
        for file in test_files()
        for node in ast.walk(file.tree)
        if file.place not in WAITING_TESTS and isinstance(node, ast.Call) and ast.unparse(node.func) in {"time.sleep", "sleep"}
    ]
    assert found == []
