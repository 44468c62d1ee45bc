"""What is in the tree belongs to no machine: no paths, no addresses of registries, no lock that only works here."""

import re
from pathlib import Path

from tests.architecture.source_tree import ROOT, tracked

MACHINE = re.compile(r"(?<![\w.$}])/(?:work|root|farm)/|/home/[a-z]+/")
REGISTRY = re.compile(
    r"pypi\.org|pythonhosted\.org|registry\.npmjs\.org|crates\.io|proxy\.golang\.org|repo1?\.maven\.|deb\.debian\.org|--(?:extra-)?index-url\s"
)
TEXT = {"", ".cfg", ".csv", ".ini", ".json", ".lock", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml"}


def hits(pattern: re.Pattern[str]) -> list[str]:
    texts = ((path, path.read_text(encoding="utf-8", errors="replace")) for path in tracked() if path.suffix in TEXT)
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path, text in texts
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_a_machine() -> None:
    assert hits(MACHINE) == []


def test_no_file_names_a_registry() -> None:
    assert hits(REGISTRY) == []


def test_no_lock_with_addresses_is_tracked() -> None:
    assert [path.name for path in tracked() if path.name in {"uv.lock", "poetry.lock", "Pipfile.lock"}] == []


def requirements(name: str) -> dict[str, str]:
    """Read a lock: `name==version ; marker` -> the hashes behind it."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    rows = (line.partition("--hash=") for line in text.splitlines() if line.strip())
    return {left.strip(): hashes for left, _, hashes in rows}


def test_every_line_of_a_lock_is_pinned_and_hashed() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        rows = requirements(name)
        assert [row for row, hashes in rows.items() if "==" not in row or not hashes.startswith("sha256:")] == []
        assert "://" not in (ROOT / name).read_text(encoding="utf-8")


def test_the_tools_are_locked_on_top_of_the_product() -> None:
    """`make test` after `make run` changes no version."""
    product, tools = ({row.partition(" ;")[0] for row in requirements(name)} for name in ("requirements.lock", "requirements-dev.lock"))
    assert product - tools == set()


def test_every_shell_script_stops_at_an_error() -> None:
    scripts = [path for path in tracked() if is_shell_script(path)]
    assert [path.name for path in scripts if "set -euo pipefail" not in path.read_text(encoding="utf-8")] == []


def is_shell_script(path: Path) -> bool:
    return path.parent == ROOT / ".ci"
