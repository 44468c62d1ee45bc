"""The page about plugins is true: its files are built into a distribution, installed and used as it says."""

import os
import re
import runpy
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from kestra_stream.plugin.registry import default_registry

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w./]+)`:\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^kestra-stream (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the page, with what it builds unpacked in `site`."""
    top = tmp_path_factory.mktemp("shout")
    for name, text in FILE.findall(PAGE):
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "built"]
    subprocess.run(build, cwd=top, check=True, capture_output=True)  # noqa: S603 - the build tool, with fixed arguments
    (wheel,) = (top / "built").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(top / "site")
    return top


@pytest.fixture
def installed(folder: Path) -> Iterator[Path]:
    """The plugin is there while the test runs."""
    sys.path.insert(0, str(folder / "site"))
    default_registry.cache_clear()
    yield folder
    sys.path.remove(str(folder / "site"))
    default_registry.cache_clear()
    for name in [name for name in sys.modules if name == "shout" or name.startswith("shout.")]:
        del sys.modules[name]


def test_the_type_is_known_by_its_entry_point(installed: Path) -> None:
    resolved = default_registry().resolve("com.example.Shout")
    assert resolved.canonical == "com.example.Shout"
    assert resolved.cls.__module__ == "shout.task"


def test_the_test_of_the_page_passes(installed: Path, tmp_path: Path) -> None:
    with chdir(installed):
        page_test = runpy.run_path("test_shout.py")
        page_test["test_a_greeting_is_shouted"](tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_the_page_work(folder: Path, tmp_path: Path, command: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(folder / "site"), "HOME": str(tmp_path)}
    main = "from kestra_stream.cli.main import main; main()"
    program = [sys.executable, "-c", main, *command.split()]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - our page
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_has_its_files_and_commands() -> None:
    assert {name for name, _ in FILE.findall(PAGE)} == {
        "src/shout/task.py",
        "src/shout/__init__.py",
        "pyproject.toml",
        "flow.yaml",
        "test_shout.py",
    }
    assert [command.split()[0] for command in COMMANDS] == ["plugin", "flow", "run"]


def test_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
