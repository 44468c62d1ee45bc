"""The page of settings says what the classes say; every key of it can be set by its variable."""

import runpy

from kestra_stream.settings import KafkaTopics, Settings
from kestra_stream.settings.keys import all_keys
from kestra_stream.topics import TOPICS
from tests.architecture.source_tree import ROOT


def test_the_page_is_fresh() -> None:
    written = runpy.run_path(str(ROOT / "docs" / "write_configuration.py"))["page"]()
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == written, "run `make docs`"


def test_every_key_has_its_line() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = {key for key, _ in all_keys(Settings) if ".topics." not in key}
    assert [key for key in keys if page.count(f"\n| `{key}` |") != 1] == []


def test_every_topic_has_its_settings() -> None:
    assert list(KafkaTopics.model_fields) == [topic.name for topic in TOPICS]
