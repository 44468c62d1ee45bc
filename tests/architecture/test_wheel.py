"""The wheel alone holds everything: built, unpacked away from the checkout, and used there."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of the checkout with the locked hatchling, offline."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert run.returncode == 0, run.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def elsewhere(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an empty environment that holds the wheel.

    Its dependencies are reached through one line in a `.pth`, so that nothing is downloaded; what lies in that folder as plain
    files counts, its own `.pth` (by which the checkout is found) does not.
    """
    environment = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / "bin" / "python"
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment), "platbase": str(environment)}))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    (packages / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return python


def run(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the environment, away from the checkout and with nothing inherited."""
    return subprocess.run(
        [str(python), *arguments],
        cwd=python.parent,
        env={"PATH": os.defpath, "HOME": str(python.parent)},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = (path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    assert names == {path.relative_to(ROOT).as_posix() for path in files}


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
        assert any(name.endswith("licenses/LICENSE") for name in archive.namelist())
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"


def test_every_module_of_the_wheel_imports_away_from_the_checkout(elsewhere: Path) -> None:
    program = (
        "import importlib, pkgutil, kestra_stream as k; "
        "[importlib.import_module(m.name) for m in pkgutil.walk_packages(k.__path__, 'kestra_stream.') if '__main__' not in m.name]; "
        "print(k.__file__)"
    )
    done = run(elsewhere, "-c", program)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(elsewhere.parents[1])


def test_every_entry_point_of_the_wheel_loads(elsewhere: Path) -> None:
    program = "from importlib.metadata import distribution as d; [e.load() for e in d('kestra-stream').entry_points]; print('loaded')"
    done = run(elsewhere, "-c", program)
    assert done.stdout == "loaded\n", done.stderr


def test_the_wheel_runs_an_example(elsewhere: Path, tmp_path: Path) -> None:
    flow = tmp_path / "hello.yaml"
    flow.write_text((ROOT / "examples/hello.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    command = ("-c", "from kestra_stream.cli.main import main; main()")
    assert run(elsewhere, *command, "--version").returncode == 0
    done = run(elsewhere, *command, "run", str(flow))
    assert done.returncode == 0, done.stdout + done.stderr
