"""Each import contract holds, and was seen to fail: an import planted against it in a copy of the package breaks it."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source_tree import PACKAGE, ROOT

PLANTS = [
    ("layers", "models/planted.py", "import kestra_stream.engine"),
    ("layers", "errors.py", "import kestra_stream.models.state"),
    ("layers", "topics.py", "import kestra_stream.queue.interface"),
    ("layers", "engine/planted.py", "import kestra_stream.queue.interface"),
    ("layers", "queue/planted.py", "import kestra_stream.repository.query"),
    ("layers", "plugin/planted.py", "def run() -> None:\n    import kestra_stream.runtime"),
    ("layers", "worker/planted.py", "import kestra_stream.executor"),
    ("layers", "unplanned/__init__.py", ""),
    ("backends", "worker/planted.py", "import kestra_stream.queue.planted_backend"),
    ("backends", "testing/planted.py", "import kestra_stream.queue.planted_backend"),
    ("backends", "cli/planted.py", "from kestra_stream.queue import planted_backend"),
    ("pure", "models/planted.py", "import os"),
    ("pure", "expression/planted.py", "from time import monotonic"),
    ("pure", "engine/planted.py", "import asyncio"),
    ("pure", "engine/planted.py", "import random"),
    ("pure", "engine/rules/planted.py", "from logging import getLogger"),
    ("pure", "engine/planted.py", "import confluent_kafka"),
    ("plugins", "plugin/planted.py", "import kestra_stream.worker"),
    ("plugins", "plugin/core/planted.py", "def run() -> None:\n    from kestra_stream import executor"),
    ("siblings", "storage/planted.py", "import kestra_stream.storage.planted_too"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the package beside its configuration, with a backend and half a cycle ready to be imported."""
    shutil.copytree(PACKAGE, tmp_path / "kestra_stream", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "kestra_stream/queue/planted_backend.py").touch()
    (tmp_path / "kestra_stream/storage/planted_too.py").write_text("import kestra_stream.storage.planted\n", encoding="utf-8")
    (tmp_path / "kestra_stream/storage/planted.py").touch()
    return tmp_path


def lint(directory: Path, contract: str) -> tuple[bool, str]:
    """Check one contract in a directory that holds the package; say whether it was kept, and what was printed."""
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as check; check()"]
    options = ["--no-cache", "--no-logo", "--contract", contract]
    run = subprocess.run(
        [*command, *options], cwd=directory, env={"PYTHONPATH": str(directory)}, capture_output=True, text=True, check=False, timeout=60
    )
    assert "Contracts: " in run.stdout, run.stdout + run.stderr
    return run.returncode == 0, run.stdout


def contracts() -> set[str]:
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return {contract["id"] for contract in configuration["tool"]["importlinter"]["contracts"]}


@pytest.mark.parametrize("contract", sorted(contracts()))
def test_contract_is_kept(contract: str, copy: Path) -> None:
    kept, printed = lint(copy, contract)
    assert kept, printed


@pytest.mark.parametrize(("contract", "file", "source"), PLANTS)
def test_contract_breaks_on_a_planted_import(contract: str, file: str, source: str, copy: Path) -> None:
    path = copy / "kestra_stream" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as target:
        target.write(f"\n{source}\n")
    kept, printed = lint(copy, contract)
    assert not kept
    assert "planted" in printed or path.stem in printed or "unplanned" in printed


def test_assembly_may_name_a_backend(copy: Path) -> None:
    (copy / "kestra_stream/assembly/backend.py").write_text("import kestra_stream.queue.planted_backend\n", encoding="utf-8")
    assert lint(copy, "backends")[0]


def test_every_contract_has_a_plant() -> None:
    assert {contract for contract, _, _ in PLANTS} == contracts()


@pytest.mark.parametrize("package", ["models", "expression", "engine"])
@pytest.mark.parametrize(
    "source",
    [
        "from datetime import UTC, datetime\n\nNOW = datetime.now(UTC)\n",
        "import uuid\n\nID = uuid.uuid4()\n",
        "import random\n\nX = random.random()\n",
        "import os\n\nX = os.urandom(1)\n",
        "import time\n\nX = time.time()\n",
    ],
)
def test_a_pure_package_may_call_neither_clock_nor_chance(package: str, source: str) -> None:
    assert "TID251" in banned(f"kestra_stream/{package}/planted.py", source)
    assert "TID251" not in banned("kestra_stream/worker/planted.py", source)


def banned(name: str, source: str) -> str:
    command = [sys.executable, "-m", "ruff", "check", "--select", "TID251", "--no-cache", "--stdin-filename", name, "-"]
    return subprocess.run(command, cwd=ROOT, input=source, capture_output=True, text=True, check=False, timeout=60).stdout
