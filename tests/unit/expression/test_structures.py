"""Templates, structures of templates, laziness, recursion, text truth."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from immutables import Map

from kestra_stream.errors import BudgetExceeded, ExpressionError
from kestra_stream.expression import Budget, compile_template, is_truthy, render_structure
from tests.unit.expression.worlds import environment, evaluate, render


@pytest.mark.parametrize("text", ["", "plain", "{ }", "a } b {", "{ 'json': {} }"])
def test_a_text_without_an_expression_is_constant(text: str) -> None:
    template = compile_template(text)
    assert template.is_constant
    assert template.source == text
    assert template.render({}, environment()) is text
    assert template.evaluate({}, environment()) is text


def test_a_comment_or_raw_text_is_no_constant() -> None:
    for source, expected in (("{# x #}a", "a"), ("{% raw %}a{% endraw %}", "a")):
        assert not compile_template(source).is_constant or compile_template(source).render({}, environment()) == expected
        assert compile_template(source).render({}, environment()) == expected


def test_the_same_text_gives_the_same_template() -> None:
    assert compile_template("{{ a.b }}") is compile_template("{{ a.b }}")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a }}", {"b": [1, None]}),
        ("{{ a.b }}", [1, None]),
        ("{{ a.b[1] }}", None),
        ("{{ 1 == 1 }}", True),
        ("{{ 2 * 3 }}", 6),
        (" {{ 1 }}", " 1"),
        ("{{ 1 }}{{ 2 }}", "12"),
        ("{% if true %}1{% endif %}", "1"),
    ],
)
def test_evaluate_keeps_the_native_value_of_a_single_expression(source: str, expected: Any) -> None:
    found = evaluate(source, a={"b": [1, None]})
    assert found == expected
    assert type(found) is type(expected)


def test_structures_render_keys_values_and_items_once() -> None:
    raw = {"{{ k }}": ["{{ n }}", {"x": "{{ t }}"}], "n": 5, "l": ("a{{ n }}",), "none": None}
    variables = {"k": "key", "n": 7, "t": "{{ n }}"}
    assert render_structure(raw, variables, environment()) == {"key": ["7", {"x": "{{ n }}"}], "n": 5, "l": ["a7"], "none": None}
    typed = render_structure(raw, variables, environment(), typed=True)
    assert typed == {"key": [7, {"x": "{{ n }}"}], "n": 5, "l": ["a7"], "none": None}
    assert render_structure("{{ n }}", variables, environment(), typed=True) == 7
    assert render_structure({"{{ n }}": 1}, variables, environment(), typed=True) == {"7": 1}


class Lazy(Mapping[str, Any]):
    """A map that makes its values when they are asked for, and notes which."""

    def __init__(self, **makers: Any) -> None:
        self.makers = makers
        self.asked: list[str] = []

    def __getitem__(self, key: str) -> Any:
        self.asked.append(key)
        return self.makers[key]()

    def __iter__(self) -> Iterator[str]:
        return iter(self.makers)

    def __len__(self) -> int:
        return len(self.makers)


def test_only_what_a_path_names_is_asked_for() -> None:
    inner = Lazy(a=lambda: 1, b=lambda: 2)
    outer = Lazy(outputs=lambda: inner, vars=lambda: 0)
    template = compile_template("{{ outputs.a }}{% for x in [1] %}{{ outputs['b'] }}{% endfor %}")
    assert template.render(outer, environment()) == "12"
    assert outer.asked == ["outputs", "outputs"]
    assert inner.asked == ["a", "b"]


@pytest.mark.parametrize(
    "kind", [dict, Map, MappingProxyType, lambda items: Lazy(**{key: lambda item=item: item for key, item in items.items()})]
)
def test_any_mapping_will_do(kind: Any) -> None:
    variables = kind({"m": kind({"a": 1, "b": kind({"c": None})})})
    source = (
        "{{ m.a }}{{ m | keys | sort }}{{ m.b }}{{ m contains 'a' }}{{ m is map }}{{ m == {'a': 1, 'b': {'c': null}} }}{{ m | length }}"
    )
    assert compile_template(source).render(variables, environment()) == '1["a","b"]{}truetruetrue2'


# -- rendering again and again -----------------------------------------------------------------------------------------


def test_one_level_is_rendered_unless_the_server_says_more() -> None:
    variables = {"a": "{{ b }}", "b": "{{ c }}!", "c": 1, "raw": "{% raw %}{{ c }}{% endraw %}"}
    once, again = environment(), environment(recursive=True)
    assert compile_template("{{ a }}").render(variables, once) == "{{ b }}"
    assert compile_template("{{ a }}").render(variables, again) == "1!"
    assert compile_template("x {{ a }}").evaluate(variables, again) == "x 1!"
    assert compile_template("{{ a }}").evaluate(variables, again) == "1!"
    assert compile_template("{{ c }}").evaluate(variables, again) == 1
    assert compile_template("{% raw %}{{ c }}{% endraw %}{{ a }}").render(variables, again) == "{{ c }}1!"
    assert compile_template("{{ raw }}{{ raw }}").render(variables, again) == "{{ c }}{{ c }}"
    assert compile_template("plain").render(variables, again) == "plain"


def test_a_text_that_never_settles_stops_after_a_hundred_rounds() -> None:
    variables = {"a": "{{ b }}x", "b": "{{ a }}y"}
    text = compile_template("{{ a }}").render(variables, environment(recursive=True))
    assert text.count("x") + text.count("y") == 101


def test_render_of_itself_ends() -> None:
    with pytest.raises(BudgetExceeded, match="levels of nesting"):
        render("{{ render(s) }}", s="{{ render(s) }}")
    with pytest.raises(BudgetExceeded):
        render("{{ render(s) }}", s="{{ s }}{{ s }}", budget=Budget(steps=20_000))


def test_an_error_inside_render_is_that_of_the_inner_text() -> None:
    with pytest.raises(ExpressionError, match=r"Unable to find `gone` used in the expression `\{\{ gone \}\}` at line 1"):
        render("{{ render(s) }}", s="{{ gone }}")
    assert render("{{ render(s) ?? 'none' }}{{ x }}", s="{% set x = 1 %}{{ gone }}", x=2) == "none2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, False), ("", False), ("false", False), ("0", False), ("-0", False), ("False", True), (" ", True), ("[]", True), ("0.0", True), ("true", True)],
)  # fmt: skip
def test_text_truth(text: str | None, expected: bool) -> None:  # noqa: FBT001 - a table of truths
    assert is_truthy(text) is expected
