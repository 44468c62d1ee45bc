"""The page of topics says what the table says."""

import runpy

import pytest

from kestra_stream.topics import TOPICS
from tests.architecture.source_tree import ROOT


def test_the_page_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    written = runpy.run_path(str(ROOT / "docs" / "write_topics.py"))["page"]()
    assert (ROOT / "docs" / "topics.md").read_text(encoding="utf-8") == written, "run `make docs`"


def test_every_topic_has_its_line_and_its_section() -> None:
    page = (ROOT / "docs" / "topics.md").read_text(encoding="utf-8")
    assert [topic.name for topic in TOPICS if page.count(f"\n| `{topic.name}` |") != 1] == []
    assert [topic.name for topic in TOPICS if page.count(f"\n### {topic.name}\n") != 1] == []
