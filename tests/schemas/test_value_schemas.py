"""The published schemas are fresh, and tell the truth about what is written: every value that a topic carries fits its schema."""

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from kestra_stream.queue.schema import DEFINITIONS, topic_schema, value_schemas
from kestra_stream.queue.serde import SCHEMA_VERSION, to_bytes
from kestra_stream.topics import TOPICS, Topic
from tests.architecture.source_tree import ROOT
from tests.unit.queue.test_serde import values

FOLDER = ROOT / "docs" / "schemas" / f"v{SCHEMA_VERSION}"
STATES = [topic for topic in TOPICS if topic.parts]


def test_the_files_are_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    wanted: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "write_schemas.py"))["present"]()
    assert {path: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")} == wanted, "run `make docs`"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_each_schema_is_one(topic: Topic) -> None:
    Draft202012Validator.check_schema(topic_schema(topic))


@pytest.mark.parametrize("topic", [topic for topic in TOPICS if not topic.parts], ids=lambda topic: topic.name)
def test_every_value_that_is_written_fits(topic: Topic) -> None:
    fits = Draft202012Validator(topic_schema(topic))

    @settings(max_examples=30, deadline=None)
    @given(values(topic.value))
    def is_told_truly(value: Any) -> None:
        fits.validate(json.loads(to_bytes(value)))

    is_told_truly()


@pytest.mark.parametrize(("topic", "kind"), [(topic, kind) for topic in STATES for kind in topic.parts or {}], ids=str)
def test_every_part_of_a_state_that_is_written_fits(topic: Topic, kind: str) -> None:
    found = value_schemas([topic], DEFINITIONS)
    fits = Draft202012Validator({**found.parts[topic.name][kind], "$defs": found.definitions})

    @settings(max_examples=10, deadline=None)
    @given(values((topic.parts or {})[kind]))
    def is_told_truly(value: Any) -> None:
        fits.validate(json.loads(to_bytes(value)))

    is_told_truly()


def test_what_does_not_fit_is_seen() -> None:
    fits = Draft202012Validator(topic_schema(next(topic for topic in TOPICS if topic.name == "execution_inbox")))
    assert fits.is_valid({"kind": "kill", "colour": "red"})
    assert not fits.is_valid({"kind": "explode"})
    assert not fits.is_valid({"kind": "timer_fired"})
