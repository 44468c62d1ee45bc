"""Published schemas stay readable from both sides; the checker that says so is shown every kind of break."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kestra_stream.queue.schema import bundle
from kestra_stream.queue.serde import SCHEMA_VERSION
from tests.architecture.source_tree import ROOT
from tests.schemas.compatibility import Comparison, compare

PUBLISHED = sorted((ROOT / "docs" / "schemas" / "published").glob("*.json"))
Document = dict[str, Any]


def read(path: Path) -> Document:
    document: Document = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_some_schemas_are_published() -> None:
    assert PUBLISHED


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem)
def test_what_is_published_under_this_version_can_be_read_and_reads_us(path: Path) -> None:
    """A break needs a new SCHEMA_VERSION (docs/topics.md says how), or a second look."""
    published = read(path)
    if published["x-schema-version"] == SCHEMA_VERSION:
        assert compare(published, bundle()).breaks == []


def test_schemas_are_compatible_with_themselves() -> None:
    assert compare(bundle(), bundle()) == Comparison()


def planted(change: Callable[[Document], object]) -> Comparison:
    """Compare the present schemas with changed ones."""
    document = copy.deepcopy(bundle())
    change(document["$defs"])
    return compare(bundle(), document)


def field(definitions: Document, name: str, key: str) -> Document:
    inside: Document = definitions[name]["properties"][key]
    return inside


BREAKS: dict[str, tuple[Callable[[Document], object], str]] = {
    "a required field is added": (
        lambda all_: (all_["Kill"]["properties"].update(by={"type": "string"}), all_["Kill"].update(required=["by"])),
        "kind=kill.by: is required now",
    ),
    "a field becomes required": (lambda all_: all_["Kill"].update(required=["cascade"]), "kind=kill.cascade: is required now"),
    "a required field is removed": (
        lambda all_: (all_["TimerFired"]["properties"].pop("timer_id"), all_["TimerFired"]["required"].remove("timer_id")),
        "kind=timer_fired.timer_id: may be missing now",
    ),
    "a required field becomes optional": (
        lambda all_: all_["TimerFired"]["required"].remove("timer_id"),
        "kind=timer_fired.timer_id: may be missing now",
    ),
    "a type is another": (lambda all_: field(all_, "TaskRun", "epoch").update(type="string"), "task_runs[].epoch: integer is no longer"),
    "a number becomes whole": (
        lambda all_: field(all_, "MetricEntry", "value").update(type="integer"),
        "metric.value: number is no longer",
    ),
    "a whole number becomes any": (lambda all_: field(all_, "TaskJob", "epoch").update(type="number"), "kind=task.epoch: number is newly"),
    "a field may no longer be null": (
        lambda all_: field(all_, "Execution", "parent_id")["anyOf"].remove({"type": "null"}),
        "parent_id: null is no longer allowed",
    ),
    "a field may be null": (
        lambda all_: all_["Execution"]["properties"].update(namespace={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "namespace: null is newly allowed",
    ),
    "a field of any type gets one": (
        lambda all_: all_["LookupAnswer"]["properties"].update(value={"type": "string"}),
        "value: any is no longer allowed",
    ),
    "a value of an enum is removed": (lambda all_: all_["StateType"]["enum"].remove("KILLED"), "the value 'KILLED' is no longer allowed"),
    "a choice becomes any text": (lambda all_: all_["Level"].pop("enum"), "was a choice of values"),
    "a constant is another": (lambda all_: field(all_, "Kill", "kind").update(const="slay"), "kind=kill is no longer allowed"),
    "a limit is set": (lambda all_: field(all_, "TaskRun", "epoch").update(minimum=1), "minimum was None, is 1"),
    "a limit is moved": (
        lambda all_: field(all_, "ConstantRetry", "maxAttempts")["anyOf"][0].update(minimum=0),
        "maxAttempts.integer: minimum was 1, is 0",
    ),
    "a moment becomes any text": (lambda all_: field(all_, "Transition", "date").pop("format"), "format was date-time, is None"),
    "items are others": (
        lambda all_: field(all_, "State", "histories").update(items={"type": "string"}),
        "histories[]: object is no longer",
    ),
    "a pair becomes a triple": (
        lambda all_: field(all_, "ServiceHeartbeat", "held")["items"].update(prefixItems=[{"type": "string"}] * 4, minItems=4, maxItems=4),
        "had 3 places, has 4",
    ),
    "values of a map are others": (
        lambda all_: field(all_, "MetricEntry", "tags").update(additionalProperties={"type": "integer"}),
        "tags.*: string is no longer allowed",
    ),
    "unknown fields are refused": (
        lambda all_: all_["LogEntry"].update(additionalProperties=False),
        "additionalProperties was True, is False",
    ),
    "a rule that nobody knows": (lambda all_: all_["LogEntry"].update(minProperties=1), "`minProperties` is nothing that this checker"),
}


@pytest.mark.parametrize(("change", "message"), BREAKS.values(), ids=BREAKS.keys())
def test_the_checker_sees_a_break(change: Callable[[Document], object], message: str) -> None:
    assert [found for found in planted(change).breaks if message in found], planted(change)


def test_the_checker_sees_a_kind_that_is_removed() -> None:
    document = copy.deepcopy(bundle())
    inbox = document["x-topics"]["execution_inbox"]
    inbox["oneOf"] = [member for member in inbox["oneOf"] if member != {"$ref": "#/$defs/Kill"}]
    assert compare(bundle(), document).breaks == ["execution_inbox: kind=kill is no longer allowed: old records cannot be read"]


def test_the_checker_sees_a_topic_that_is_removed() -> None:
    document = copy.deepcopy(bundle())
    del document["x-topics"]["log"]
    assert compare(bundle(), document).breaks == ["log: is no longer there"]


def test_an_optional_field_may_be_added_and_removed() -> None:
    added = lambda all_: all_["Kill"]["properties"].update(by={"type": "string", "default": ""})  # noqa: E731
    assert planted(added) == Comparison()
    assert planted(lambda all_: all_["Kill"]["properties"].pop("cascade")) == Comparison()


def test_a_topic_and_a_part_of_state_may_be_added() -> None:
    document = copy.deepcopy(bundle())
    document["x-topics"] |= {"trigger": {"type": "string"}, "executor_state/mark": {"type": "integer"}}
    assert compare(bundle(), document) == Comparison()


def test_a_kind_or_a_choice_that_is_added_is_told_apart_from_a_break() -> None:
    document = copy.deepcopy(bundle())
    document["$defs"]["Snooze"] = {"type": "object", "properties": {"kind": {"const": "snooze", "type": "string"}}}
    document["x-topics"]["execution_inbox"]["oneOf"].append({"$ref": "#/$defs/Snooze"})
    document["$defs"]["Level"]["enum"].append("FATAL")
    found = compare(bundle(), document)
    assert found.breaks == []
    assert "execution_inbox: kind=snooze" in found.additions
    assert any("'FATAL'" in addition for addition in found.additions)
