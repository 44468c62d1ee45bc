"""The AsyncAPI document is fresh, valid by AsyncAPI's own schema, and its examples are records of ours.

`asyncapi-3.0.0.json.gz` is the official schema of AsyncAPI 3.0 (Apache-2.0; npm package @asyncapi/specs 6.11.1).
"""

import gzip
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from kestra_stream.queue.serde import from_bytes
from kestra_stream.topics import TOPICS
from tests.architecture.source_tree import ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8"))


def test_the_document_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    wanted = runpy.run_path(str(ROOT / "docs" / "write_asyncapi.py"))["text"]()
    assert (ROOT / "docs" / "asyncapi.yaml").read_text(encoding="utf-8") == wanted, "run `make docs`"


def test_the_document_is_valid() -> None:
    official = json.loads(gzip.decompress(Path(__file__).with_name("asyncapi-3.0.0.json.gz").read_bytes()))
    assert [f"{list(error.path)}: {error.message}" for error in Draft7Validator(official).iter_errors(DOCUMENT)] == []
    assert list(Draft7Validator(official).iter_errors({**DOCUMENT, "channels": {"log": {"adress": "log"}}}))


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(inside: Any) -> list[str]:
    if isinstance(inside, dict):
        own = [inside["$ref"]] if isinstance(inside.get("$ref"), str) else []
        return own + [reference for value in inside.values() for reference in references(value)]
    return [reference for value in inside for reference in references(value)] if isinstance(inside, list) else []


def test_every_reference_leads_somewhere() -> None:
    assert [reference for reference in references(DOCUMENT) if not resolved(reference)] == []


def test_every_topic_has_its_channel_and_both_operations() -> None:
    for topic in TOPICS:
        channel = DOCUMENT["channels"][topic.name]
        assert channel["address"] == f"{{prefix}}{topic.name}"
        assert channel["bindings"]["kafka"]["partitions"] == topic.partitions
        assert {DOCUMENT["operations"][f"{action}_{topic.name}"]["action"] for action in ("send", "receive")} == {"send", "receive"}
    assert DOCUMENT["channels"]["worker_job_of_group"]["address"] == "{prefix}worker_job.{group}"


@pytest.mark.parametrize("name", DOCUMENT["components"]["messages"])
def test_an_example_fits_its_own_payload(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    fits = Draft7Validator({**message["payload"], "components": DOCUMENT["components"]})
    for example in message["examples"]:
        fits.validate(example["payload"])


def test_an_example_is_read_by_its_topic() -> None:
    for topic in TOPICS:
        for reference in DOCUMENT["channels"][topic.name]["messages"].values() if not topic.parts else ():
            for example in resolved(reference["$ref"])["examples"]:
                assert from_bytes(topic, json.dumps(example["payload"]).encode()) is not None
