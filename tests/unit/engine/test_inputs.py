"""Inputs: accepted forms, stored values, sentences, and the order in which they are resolved (flow language §1.3)."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from kestra_stream.engine.inputs import resolve_inputs
from kestra_stream.errors import InvalidInputs
from kestra_stream.models.input import AnyInput, Input

ADAPTER: TypeAdapter[Input] = TypeAdapter(AnyInput)


def evaluate(template: str, variables: Mapping[str, Any]) -> Any:
    """Stand in for the language: `{{ name }}` reads an input, `{{ a=b }}` compares one, `{{ [..] }}` is a list of words."""
    text = template.strip("{} ")
    if text.startswith("["):
        return text.strip("[]").split()
    if "=" in text:
        name, _, wanted = text.partition("=")
        return variables["inputs"].get(name) == wanted
    return variables["inputs"][text]


def resolve(inputs: Sequence[Any], **given: Any) -> Mapping[str, Any]:
    entries = [ADAPTER.validate_python(one) for one in inputs]
    return resolve_inputs(entries, given, evaluate, lambda text: {"encrypted": text[::-1]}).values


def stored(kind: str, value: Any, **extras: Any) -> Any:
    return resolve([{"id": "x", "type": kind, **extras}], x=value)["x"]


def refusal(kind: str, value: Any, **extras: Any) -> str:
    with pytest.raises(InvalidInputs) as caught:
        stored(kind, value, **extras)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("STRING", "text", "text"),
        ("STRING", "", ""),
        ("STRING", 12, "12"),
        ("STRING", True, "true"),
        ("STRING", {"a": [1]}, '{"a":[1]}'),
        ("INT", 7, 7),
        ("INT", "7", 7),
        ("INT", " -7 ", -7),
        ("INT", 7.0, 7),
        ("FLOAT", "42.42", 42.42),
        ("FLOAT", 1, 1.0),
        ("FLOAT", "1e3", 1000.0),
        ("BOOLEAN", True, True),
        ("BOOLEAN", "TRUE", True),
        ("BOOLEAN", "yes", False),
        ("BOOL", "anything", False),
        ("DATETIME", "2023-01-01T00:00:00Z", "2023-01-01T00:00:00Z"),
        ("DATETIME", "2023-01-01T02:00:00+02:00", "2023-01-01T00:00:00Z"),
        ("DATE", "2023-01-02", "2023-01-02"),
        ("TIME", "11:27:49", "11:27:49"),
        ("DURATION", "PT5M6S", 306.0),
        ("DURATION", "P1D", 86400.0),
        ("FILE", "kestra:///a/b.csv", "kestra:///a/b.csv"),
        ("JSON", '{"a": 1}', {"a": 1}),
        ("JSON", "12", 12),
        ("JSON", [1, {"b": None}], [1, {"b": None}]),
        ("YAML", "a: [1, x]", {"a": [1, "x"]}),
        ("YAML", {"a": 1}, {"a": 1}),
        ("URI", "https://example.org/a?b=c", "https://example.org/a?b=c"),
        ("EMAIL", "a.b@example.org", "a.b@example.org"),
        ("SECRET", "abc", {"encrypted": "cba"}),
    ],
)
def test_a_value_is_stored_as_its_type_says(kind: str, given: Any, value: Any) -> None:
    found = stored(kind, given)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kind", "extras", "given", "value"),
    [
        ("ARRAY", {"itemType": "INT"}, [1, "2"], [1, 2]),
        ("ARRAY", {"itemType": "INT"}, '[1, "2"]', [1, 2]),
        ("ARRAY", {"itemType": "JSON"}, ['{"a":1}', None], [{"a": 1}, None]),
        ("MULTISELECT", {"values": ["a", "b"]}, '["a"]', ["a"]),
        ("MULTISELECT", {"options": ["a", "b"]}, ["b", "a"], ["b", "a"]),
        ("MULTISELECT", {"values": [1, 2], "itemType": "INT"}, ["1"], [1]),
        ("MULTISELECT", {"values": ["a"], "allowCustomValue": True}, ["z"], ["z"]),
        ("SELECT", {"values": ["a", True, 3]}, "true", "true"),
        ("SELECT", {"values": ["a", True, 3]}, 3, "3"),
        ("SELECT", {"expression": "{{ [x y] }}"}, "y", "y"),
        ("SELECT", {"values": ["a"], "allowCustomValue": True}, "z", "z"),
        ("ENUM", {"values": ["a", "b"]}, "b", "b"),
        ("INT", {"min": 1, "max": 10}, 10, 10),
        ("DATETIME", {"after": "2023-01-01T00:00:00Z"}, "2023-01-01T00:00:00.5Z", "2023-01-01T00:00:00.500000Z"),
        ("STRING", {"validator": "[a-z]+"}, "abc", "abc"),
        ("FILE", {"allowedFileExtensions": [".csv"]}, "kestra:///a.CSV", "kestra:///a.CSV"),
    ],
)
def test_extras_of_a_type_hold(kind: str, extras: dict[str, Any], given: Any, value: Any) -> None:
    assert stored(kind, given, **extras) == value


@pytest.mark.parametrize(
    ("kind", "extras", "given", "reason"),
    [
        ("INT", {}, "1_000", "it must be an integer"),
        ("INT", {}, "7.5", "it must be an integer"),
        ("INT", {}, True, "it must be an integer"),
        ("INT", {}, "9" * 5000, "it must be an integer"),
        ("INT", {"min": 10}, 9, "it must be more than `10`"),
        ("INT", {"max": 10}, 11, "it must be less than `10`"),
        ("FLOAT", {}, "nan", "it must be a number"),
        ("FLOAT", {}, "inf", "it must be a number"),
        ("FLOAT", {}, 10**400, "it must be a number"),
        ("FLOAT", {}, "1e300", "it must be a number of 32 bits"),
        ("FLOAT", {"max": 1.5}, 2, "it must be less than `1.5`"),
        ("DATETIME", {}, "2023-01-01T00:00:00", "it must be an instant with a zone"),
        ("DATETIME", {}, "yesterday", "it must be an instant"),
        ("DATETIME", {}, "0001-01-01T00:00:00+14:00", "it must be an instant in the years 1 to 9999"),
        ("DATETIME", {"before": "2023-01-01T00:00:00Z"}, "2023-01-01T00:00:01Z", "it must be before `2023-01-01T00:00:00Z`"),
        ("DATE", {"after": "2023-01-01"}, "2022-12-31", "it must be after `2023-01-01`"),
        ("DATE", {}, "01/02/2023", "it must be a date"),
        ("TIME", {"before": "12:00:00"}, "12:00:01", "it must be before `12:00:00`"),
        ("TIME", {}, "11:00:00+02:00", "it must be a local time"),
        ("DURATION", {"min": "PT1M"}, "PT1S", "it must be more than `PT1M`"),
        ("DURATION", {}, "5 minutes", "it must be a duration"),
        ("DURATION", {}, 1e300, "it must be a duration"),
        ("FILE", {}, "/etc/passwd", "it must be the `kestra://` URI"),
        ("FILE", {"allowedFileExtensions": [".csv"]}, "kestra:///a.exe", "its name must end with one of `[.csv]`"),
        ("JSON", {}, "{", "it must be JSON"),
        ("YAML", {}, "a: [", "it must be YAML"),
        ("YAML", {}, "[" * 100_000, "it must be YAML"),
        ("URI", {}, "localhost", "it must be a URI"),
        ("URI", {}, "http://localhost:8080", "it must be a URI"),
        ("EMAIL", {}, "a@b", "it must be an e-mail address"),
        ("SELECT", {"values": ["a", "b"]}, "c", "it must match the values `[a, b]`"),
        ("ENUM", {"values": ["a", "b"]}, "c", "it must match the values `[a, b]`"),
        ("MULTISELECT", {"values": ["a", "b"]}, ["a", "c"], "it must match the values `[a, b]`"),
        ("MULTISELECT", {"values": ["a"]}, "a", "it must be a list"),
        ("ARRAY", {"itemType": "INT"}, [1, "x"], "it must be an integer"),
        ("ARRAY", {"itemType": "INT"}, "{}", "it must be a list"),
        ("STRING", {"validator": "[a-z]+"}, "abc1", "it must match the pattern `[a-z]+`"),
        ("STRING", {"validator": r"(.*a){20}"}, "a" * 60 + "b" * 60, "the pattern `(.*a){20}`"),
        ("STRING", {}, {"a": 2**70}, "it must be text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_reason(kind: str, extras: dict[str, Any], given: Any, reason: str) -> None:
    message = refusal(kind, given, **extras)
    assert message.startswith("Invalid input for `x`, ")
    assert reason in message
    assert "but received `" in message


def test_sentences_are_those_of_the_flow_language() -> None:
    assert refusal("STRING", None) == "Invalid input for `x`, missing required input, but received `null`"
    assert refusal("INT", 9, min=10) == "Invalid input for `x`, it must be more than `10`, but received `9`"


def test_a_secret_is_never_shown_and_needs_a_key() -> None:
    assert "hunter2" not in refusal("SECRET", "hunter2", validator="[a-z]+")
    with pytest.raises(InvalidInputs, match="encryption key"):
        resolve_inputs([ADAPTER.validate_python({"id": "x", "type": "SECRET"})], {"x": "abc"}, evaluate, None)


def test_nothing_is_an_error_unless_the_input_is_not_required() -> None:
    assert resolve([{"id": "x", "type": "INT", "required": False}]) == {"x": None}


def test_defaults_are_coerced_and_may_be_expressions_over_dependencies() -> None:
    inputs = [
        {"id": "b", "type": "STRING", "defaults": "{{ a }}", "dependsOn": {"inputs": ["a"]}},
        {"id": "a", "type": "STRING", "defaults": "one"},
        {"id": "n", "type": "INT", "defaults": "5"},
    ]
    assert resolve(inputs) == {"a": "one", "b": "one", "n": 5}
    assert resolve(inputs, a="") == {"a": "", "b": "", "n": 5}


def test_an_input_is_left_out_when_its_condition_is_not_true_or_what_it_depends_on_is_left_out() -> None:
    inputs = [
        {"id": "a", "type": "STRING"},
        {"id": "b", "type": "STRING", "dependsOn": {"inputs": ["a"], "condition": "{{ a=on }}"}},
        {"id": "c", "type": "STRING", "defaults": "x", "dependsOn": {"inputs": ["b"]}},
    ]
    assert resolve(inputs, a="off") == {"a": "off"}
    assert resolve(inputs, a="on", b="given") == {"a": "on", "b": "given", "c": "x"}


def test_a_condition_sees_its_dependencies_only() -> None:
    inputs = [
        {"id": "a", "type": "STRING"},
        {"id": "hidden", "type": "STRING"},
        {"id": "b", "type": "STRING", "dependsOn": {"inputs": ["a"], "condition": "{{ hidden=x }}"}},
    ]
    assert resolve(inputs, a="1", hidden="x") == {"a": "1", "hidden": "x"}


def test_dotted_ids_nest_and_unknown_values_are_ignored() -> None:
    inputs = [{"id": "a.b.c", "type": "INT"}, {"id": "a.d", "type": "INT"}]
    assert resolve(inputs, **{"a.b.c": 1, "a.d": "2", "else": 3}) == {"a": {"b": {"c": 1}, "d": 2}}


def test_the_first_choice_is_the_default_where_asked_for() -> None:
    assert resolve([{"id": "x", "type": "SELECT", "values": ["a", "b"], "autoSelectFirst": True}]) == {"x": "a"}
    assert resolve([{"id": "x", "type": "MULTISELECT", "values": ["a", "b"], "autoSelectFirst": True}]) == {"x": ["a"]}


def test_every_input_that_does_not_fit_is_named() -> None:
    with pytest.raises(InvalidInputs) as caught:
        resolve([{"id": "a", "type": "INT"}, {"id": "b", "type": "DATE"}, {"id": "c", "type": "STRING"}], a="x", b="y", c="z")
    assert [fault.path for fault in caught.value.faults] == ["a", "b"]


@pytest.mark.parametrize(
    ("extras", "given", "reason"),
    [
        ({"type": "SELECT", "values": ["a"]}, {}, "missing required input"),
        ({"type": "SELECT", "expression": "{{ n }}"}, {"n": "7"}, "must render to a list"),
        ({"type": "STRING", "validator": "(.*)*(.*)*(.*)*[^x]"}, {"x": "x" * 9_000}, "takes more than"),
        ({"type": "STRING", "validator": "a" * 200_000}, {"x": "a"}, "characters at most"),
    ],
)
def test_a_choice_or_a_pattern_that_cannot_be_used_is_told(extras: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    inputs = [{"id": "n", "type": "JSON", "required": False}, {"id": "x", "dependsOn": {"inputs": ["n"]}, **extras}]
    with pytest.raises(InvalidInputs, match=reason):
        resolve(inputs, **given)


def test_a_choice_of_nothing_selects_nothing() -> None:
    inputs = [
        {"id": "n", "type": "JSON", "required": False},
        {"id": "x", "type": "SELECT", "expression": "{{ n }}", "autoSelectFirst": True, "required": False, "dependsOn": {"inputs": ["n"]}},
    ]
    assert resolve(inputs, n="[]")["x"] is None
