"""The configuration says why it is as it is, and agrees with the tree."""

import re
import tomllib
from importlib.metadata import requires
from typing import cast

from packaging.requirements import Requirement

from tests.architecture.source_tree import ROOT
from tests.architecture.test_tracked_files import requirements

TEXT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def block(start: str) -> list[str]:
    """Return the lines of a list in pyproject.toml, from its first line to the closing bracket."""
    lines = TEXT[TEXT.index(start) :].splitlines()[1:]
    return lines[: lines.index("]")]


def test_every_rule_that_ruff_leaves_out_has_a_reason() -> None:
    assert [line for line in block("ignore = [\n") if not re.search(r"#\s+\S+ \S+", line)] == []


def test_every_rule_left_out_for_some_files_has_a_reason() -> None:
    section = TEXT[TEXT.index("[tool.ruff.lint.per-file-ignores]") :].split("\n\n")[0].splitlines()[1:]
    rules = [line for line in section if re.search(r'"[A-Z]+[0-9]+"', line)]
    assert rules
    assert [line for line in rules if not re.search(r"#\s+\S+ \S+", line)] == []


def test_all_of_ruff_is_on_and_types_are_strict() -> None:
    tools = tomllib.loads(TEXT)["tool"]
    assert tools["ruff"]["lint"]["select"] == ["ALL"]
    assert tools["ruff"]["lint"]["mccabe"]["max-complexity"] == 10
    assert tools["ruff"]["lint"]["pylint"]["max-args"] == 7
    assert tools["mypy"]["strict"] is True
    assert tools["pyright"]["typeCheckingMode"] == "strict"
    assert tools["pytest"]["ini_options"]["filterwarnings"][0] == "error"


def test_every_dependency_is_locked_within_its_range() -> None:
    project = tomllib.loads(TEXT)["project"]
    locked = dict(row.partition(" ;")[0].split("==") for row in requirements("requirements.lock"))
    wanted = [Requirement(text) for text in cast("list[str]", project["dependencies"])]
    assert [str(item) for item in wanted if not item.specifier.contains(locked.get(item.name, "0"))] == []


def test_what_is_installed_says_what_is_written() -> None:
    """An installation from before the last change of pyproject.toml would test something else."""
    installed = {str(Requirement(text)) for text in requires("kestra-stream") or ()}
    assert installed == {str(Requirement(text)) for text in tomllib.loads(TEXT)["project"]["dependencies"]}
