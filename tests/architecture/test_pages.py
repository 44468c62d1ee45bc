"""The pages of the project lead where they say, and know every room."""

import re
from collections import Counter
from pathlib import Path

from tests.architecture.source_tree import PACKAGE, ROOT, tracked

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def pages() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".md"]


def test_every_link_to_a_file_leads_somewhere() -> None:
    links = [(page, link) for page in pages() for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert links
    assert [f"{page.relative_to(ROOT)}: {link}" for page, link in links if not (page.parent / link).exists()] == []


def test_the_architecture_shows_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"](../kestra_stream/{room}" not in page] == []


def test_the_glossary_holds_each_word_once() -> None:
    page = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([^|]+) \|", page, re.MULTILINE)
    counts = Counter(word for word in words if word != "word")
    assert [word for word, count in counts.items() if count > 1] == []


def test_every_decision_has_the_same_parts() -> None:
    for path in sorted((ROOT / "docs" / "decisions").glob("*.md")):
        assert re.match(r"\d{4}-[a-z0-9-]+\.md$", path.name)
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} ")
        assert [part for part in ("Status:", "## Question", "## Decision", "## Why", "## Consequences") if part not in text] == []
