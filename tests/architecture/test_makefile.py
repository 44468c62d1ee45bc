"""The commands of the Makefile: they set up what is missing once, and say clearly what a machine lacks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a directory that holds what setting up reads, and no virtual environment."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def make(directory: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run make in a directory, with nothing inherited but where the tools are."""
    environment = {"PATH": path or os.environ["PATH"], "HOME": str(directory), "LC_ALL": "C"}
    executable = shutil.which("make") or "make"
    return subprocess.run([executable, *arguments], cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=60)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_missing_venv_module_is_named_with_its_remedy(checkout: Path) -> None:
    """Debian ships Python without ensurepip; the message names the package to install."""
    python = script(checkout / "tools/python", 'case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac')
    run = make(checkout, "run", f"PYTHON={python}")
    assert run.returncode != 0
    assert "cannot make a virtual environment" in run.stderr
    assert "python3-venv" in run.stderr
    assert not (checkout / ".venv").exists()


def test_an_old_python_is_refused_with_the_version_that_is_needed(checkout: Path) -> None:
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        script(checkout / "tools" / name, "exit 1")
    run = make(checkout, "run", path=f"{checkout / 'tools'}{os.pathsep}{os.environ['PATH']}")
    assert run.returncode != 0
    assert "Python 3.11 or newer is needed" in run.stderr


def test_a_newer_python_is_found_beside_an_old_one(checkout: Path) -> None:
    script(checkout / "tools/python3", "exit 1")
    script(checkout / "tools/python3.13", 'case "$*" in *"-m venv"*) echo "made by 3.13"; exit 1;; *) exit 0;; esac')
    run = make(checkout, "run", path=f"{checkout / 'tools'}{os.pathsep}{os.environ['PATH']}")
    assert "made by 3.13" in run.stdout


def test_the_second_run_sets_up_nothing(checkout: Path) -> None:
    """Stamps newer than the lock and pyproject.toml stand for what was installed."""
    recorder = 'echo "$0 $*" >> called'
    for name in ("pip", "python", "kestra-stream"):
        script_path = checkout / ".venv/bin" / name
        script_path.parent.mkdir(parents=True, exist_ok=True)
        script(script_path, recorder)
    assert make(checkout, "run").returncode == 0
    first = (checkout / "called").read_text(encoding="utf-8")
    assert "install --require-hashes -r requirements.lock" in first
    assert "install --no-deps --no-build-isolation --editable ." in first
    (checkout / "called").unlink()
    assert make(checkout, "run", "EXAMPLE=other.yaml").returncode == 0
    assert (checkout / "called").read_text(encoding="utf-8") == ".venv/bin/kestra-stream run other.yaml\n"
    os.utime(checkout / "requirements.lock")
    assert make(checkout, "run").returncode == 0
    assert "--require-hashes" in (checkout / "called").read_text(encoding="utf-8")


def test_every_command_is_explained(checkout: Path) -> None:
    printed = make(checkout, "help").stdout
    commands = (
        "run",
        "kafka",
        "services",
        "test",
        "unit",
        "integration",
        "lint",
        "fmt",
        "coverage",
        "bench",
        "docs",
        "dist",
        "lock",
        "clean",
    )
    assert [command for command in commands if f"make {command}\t" not in printed] == []
