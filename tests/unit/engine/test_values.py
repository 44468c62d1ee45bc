"""Small values of the engine: coercion, what was collected, what is sealed, chunks of a loop's values, checks."""

from collections import UserList
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from immutables import Map

from kestra_stream.engine.checks import evaluate_checks
from kestra_stream.engine.coercion import Unfit, coerce
from kestra_stream.engine.collected import Collected
from kestra_stream.engine.rules.flowables import _value_text
from kestra_stream.engine.state import Chunked
from kestra_stream.engine.vault import NoVault, each_text, masked
from kestra_stream.errors import ExpressionError, Invalid
from kestra_stream.models.input import InputType as T
from kestra_stream.plugin.flow_source import parse_flow


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        (T.STRING, {"a": date(2030, 1, 2), "b": Map({"c": 1})}, '{"a":"2030-01-02","b":{"c":1}}'),
        (T.DATETIME, datetime(2030, 1, 2, tzinfo=UTC), "2030-01-02T00:00:00Z"),
        (T.FLOAT, "16777216", 16777216.0),
        (T.FLOAT, 0.1, 0.1),
        (T.FLOAT, "3.4028234e38", 3.4028235e38),
        (T.YAML, "a: {b: [1]}", {"a": {"b": [1]}}),
    ],
)
def test_a_value_is_read_as_its_type(kind: T, value: object, fits: object) -> None:
    assert coerce(kind, value) == fits


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        (T.FLOAT, "ten", "a number"),
        (T.FLOAT, True, "a number"),
        (T.FLOAT, 10**400, "a number"),
        (T.FLOAT, "1e39", "32 bits"),
        (T.FLOAT, "1e999", "32 bits"),
        (T.TIME, "25:00", "a time such as"),
        (T.TIME, "11:00+01:00", "without a zone"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_is_wanted(kind: T, value: object, wanted: str) -> None:
    with pytest.raises(Unfit, match=wanted):
        coerce(kind, value)


def test_maps_that_meet_at_one_place_are_merged_in_order_of_arrival() -> None:
    tree = Collected().with_value(("a", "x"), {"n": 1}).with_value(("a",), {"y": 2, "x": 3})
    assert tree["a"] == {"x": 3, "y": 2}
    assert Collected().with_value(("a",), {"y": 2}).with_value(("a", "x"), {"n": 1})["a"] == {"y": 2, "x": {"n": 1}}
    assert repr(Collected().with_value(("a",), {"y": 2})) == "{'a': {'y': 2}}"


def test_dropping_what_is_not_there_changes_nothing() -> None:
    tree = Collected().with_value(("a",), {"x": 1})
    for path in (("b",), ("b", "c"), ("a", "x")):
        assert tree.without(path) is tree
    assert not tree.without(("a",))


@pytest.mark.parametrize("use", [NoVault().seal, NoVault().open])
def test_a_house_without_secrets_refuses_to_seal_and_to_open(use: Callable[[str], str]) -> None:
    with pytest.raises(Invalid, match="without a vault"):
        use("x")


def test_texts_are_changed_wherever_they_are_and_the_rest_is_not_copied() -> None:
    value: dict[str, Any] = {"a": ["x", 1, {"b": ("y",)}], "c": [1, 2]}
    changed = each_text(value, str.upper)
    assert changed == {"a": ["X", 1, {"b": ["Y"]}], "c": [1, 2]}
    assert changed["c"] is value["c"]
    assert each_text(value, lambda text: text) is value


def test_an_empty_secret_masks_nothing() -> None:
    assert masked("open sesame", ["", "sesame"]) == "open ********"


@pytest.mark.parametrize("index", [-1, 3, "x", slice(0, 1)])
def test_the_values_of_a_loop_have_places_from_nought(index: object) -> None:
    values = Chunked.of(["a", "b", "c"])
    assert list(values) == ["a", "b", "c"]
    with pytest.raises(IndexError):
        values[index]


@pytest.mark.parametrize(("value", "text"), [(Map({"a": 1}), '{"a":1}'), (UserList([1, 2]), "[1,2]"), (1 + 0j, '"(1+0j)"'), (True, "true")])
def test_a_value_of_a_loop_is_its_json(value: object, text: str) -> None:
    assert _value_text(value) == text


def test_a_check_that_cannot_be_evaluated_does_not_hold() -> None:
    flow = parse_flow("""
id: f
namespace: t.t
checks:
  - {condition: "{{ inputs.missing }}", message: no, behavior: BLOCK_EXECUTION}
tasks:
  - {id: a, type: io.kestra.plugin.core.log.Log, message: x}
""")

    def evaluate(_: str, __: object) -> object:
        raise ExpressionError("`missing` is not there")

    failed = evaluate_checks(flow, {}, evaluate)
    assert failed is not None
    assert failed.message == "no"
