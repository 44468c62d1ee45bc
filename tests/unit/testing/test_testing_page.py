"""The page about testing is true: its test file is written, collected and run as it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from kestra_stream.testing.driver import Driver, Story

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`([\w./]+)`:\n\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_tests_of_the_page_pass(tmp_path: Path) -> None:
    ((name, text),) = FILE.findall(PAGE)
    (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)  # noqa: S603 - our page
    assert done.returncode == 0, done.stdout + done.stderr
    assert "24 passed" in done.stdout


def test_what_the_page_names_is_there() -> None:
    named = set(re.findall(r"`driver\.(\w+)\(", PAGE))
    assert named >= {"run", "create", "settle", "turn", "resume", "kill", "tell"}
    assert [name for name in named if not hasattr(Driver, name)] == []
    assert all(hasattr(Story, name) for name in ("state", "history", "states", "run", "runs", "messages"))
