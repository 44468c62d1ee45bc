"""What YAML may hold: values with their places, and an error at its place, in bounded time, for everything else."""

import math
from typing import Any

import pytest

from kestra_stream.document.places import find
from kestra_stream.document.yaml_reader import MOST_CHARACTERS, load_documents
from tests.unit.plugin.document.documents import FLOW, only


def data(text: str) -> Any:
    (document,) = load_documents(text)
    assert document.faults == []
    return document.data


def fault(text: str) -> tuple[int, int, str]:
    faults = [fault for document in load_documents(text) for fault in document.faults]
    return faults[0].line, faults[0].column, faults[0].message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-7", -7), ("+7", 7), ("1_000", 1000), ("0x1F", 31), ("0b101", 5), ("010", 8), ("0o10", 8), ("0", 0),
        ("1.5", 1.5), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("1.5E-2", 0.015), (".inf", math.inf), ("-.inf", -math.inf),
        ("true", True), ("False", False), ("~", None), ("null", None), ("", None),
        ("yes", "yes"), ("off", "off"), ("2023-01-01", "2023-01-01"), ("12:30:00", "12:30:00"), ("1.2.3", "1.2.3"), ("08", "08"),
        ("'1'", "1"), ('"true"', "true"), ("!!str 1", "1"), ("!!float 1", 1.0), ("!custom x", "x"), ("!!null x", None), ("-", [None]),
    ],
)  # fmt: skip
def test_scalars_have_the_types_of_a_flow(text: str, value: Any) -> None:
    (document,) = load_documents(f"x: {text}") if text != "-" else load_documents("x:\n  -")
    assert document.data == {"x": value}
    assert type(document.data["x"]) is type(value)


def test_keys_are_text() -> None:
    assert data("1: a\ntrue: b\n~: c\n2023-01-01: d") == {"1": "a", "true": "b", "~": "c", "2023-01-01": "d"}


def test_every_value_and_key_has_its_place() -> None:
    (document,) = load_documents("a:\n  b: [1, {c: 2}]\n'😀': x\n")
    assert find(document.place, ("a", "b", 1, "c")).mark == (2, 14)
    assert find(document.place, ("a", "b", 1, "c"), key=True).mark == (2, 11)
    assert find(document.place, ("😀",)).mark == (3, 6)
    assert find(document.place, ("a", "unknown", 3)).mark == (2, 3)


def test_anchors_and_merge_keys() -> None:
    text = "base: &b {x: 1, y: 1}\nother: &o {y: 2, z: 2}\nuse:\n  <<: [*b, *o]\n  x: 3\nagain: *b\nquoted: {'<<': 1}"
    found = data(text)
    assert found["use"] == {"x": 3, "y": 1, "z": 2}
    assert found["again"] == {"x": 1, "y": 1}
    assert found["quoted"] == {"<<": 1}


def test_what_an_alias_stands_for_is_found_at_the_anchor() -> None:
    (document,) = load_documents("base: &b {x: 1}\nuse: *b\nmerged: {<<: *b}")
    assert find(document.place, ("use", "x")).mark == (1, 14)
    assert find(document.place, ("merged", "x")).mark == (1, 14)


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: 1\nb: 2\na: 3", (3, 1), "the key `a` stands twice, first in line 1"),
        ("a:\n\tb: 1", (2, 1), "a tab may not indent a line"),
        ("a:\n  b: 1\n\tc: 1", (3, 1), "a tab may not indent a line"),
        ("a:\n  b: 1\n c: 1", (3, 2), "check its indentation"),
        ("a:\n  - b\n c: 1", (3, 2), "check its indentation"),
        ("a: b: c", (1, 5), "quote text that holds `: `"),
        ("a: 1\nfoo\nb: 2", (2, 1), "needs a `:`"),
        ('a: "x\nb: 1', (1, 4), "does not end"),
        ("a: [1, 2\nb: 3", (2, 2), "in `[ ]`"),
        ("a: @x", (1, 4), "text that begins with `@` must be quoted"),
        ("a: `x`", (1, 4), "must be quoted"),
        ('a: "\\d"', (1, 5), "a backslash in double quotes must be doubled"),
        ("a: {{ inputs.x }}", (1, 5), 'in quotes, as "{{ inputs.name }}"'),
        ("a: {{ inputs.x }} and more", (1, 19), "an expression must be quoted"),
        ("? [a]\n: 1", (1, 3), "can not be a key"),
        ("a: *b", (1, 4), "the anchor `b` is not there"),
        ("a: &b [*b]", (1, 8), "used inside of itself"),
        ("a: &b\n  <<: *b", (2, 7), "used inside of itself"),
        ("a:\n  <<: 3", (2, 3), "`<<` takes a map"),
        ("a: 1\nb: \x07", (2, 4), "the character U+0007"),
        ("a: \ud800", (1, 4), "the character U+D800"),
    ],
)
def test_what_is_no_yaml_is_refused_at_its_place_with_the_remedy(text: str, place: tuple[int, int], words: str) -> None:
    line, column, message = fault(text)
    assert (line, column) == place
    assert words in message


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "\n".join(f"a{n}: &a{n} {'[' * 90}{f'*a{n - 1}' if n else 'x'}{']' * 90}" for n in range(50)),
    ],
    ids=["lists", "maps", "dashes", "keys", "anchors"],
)
def test_what_is_nested_too_deep_is_refused_at_once(text: str) -> None:
    assert "nested more than 200 levels deep" in fault(text)[2]


def test_a_billion_laughs_are_refused() -> None:
    ladder = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9) if n else 'lol'}]" for n in range(10))
    assert "through its anchors" in fault(ladder)[2]


def test_what_is_too_long_is_refused() -> None:
    assert "more than 300000 values" in fault(f"[{'a,' * 300_001}]")[2]
    assert "characters, more than" in fault("x" * (MOST_CHARACTERS + 1))[2]
    assert "more than 1000 documents" in fault("--- a\n" * 1001)[2]


def test_a_byte_order_mark_and_windows_line_ends_change_nothing() -> None:
    parsed = only("\ufeff" + FLOW.replace("\n", "\r\n"))
    assert parsed.faults == ()
    assert parsed.flow is not None
    assert parsed.flow.id == "f"


def test_documents_keep_their_own_text_and_empty_ones_do_not_count() -> None:
    text = "# first\na: 1\n---\n# nothing\n---\nb: 2\n...\n---\n"
    assert [(one.data, one.source) for one in load_documents(text)] == [({"a": 1}, "# first\na: 1\n"), ({"b": 2}, "b: 2\n...\n")]


def test_documents_before_the_one_that_is_no_yaml_are_read() -> None:
    first, second = load_documents("a: 1\n---\nb: [")
    assert first.data == {"a": 1}
    assert second.faults[0].line == 4
