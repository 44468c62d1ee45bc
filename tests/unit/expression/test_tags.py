"""Tags: if, for, set, macro, block, filter, raw."""

import pytest

from kestra_stream.errors import BudgetExceeded, ExpressionError
from tests.unit.expression.worlds import render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{% if n > 1 %}a{% elseif n > 0 %}b{% else %}c{% endif %}", "a"),
        ("{% if n > 9 %}a{% elseif n > 0 %}b{% else %}c{% endif %}", "b"),
        ("{% if n > 9 %}a{% elseif n > 8 %}b{% else %}c{% endif %}", "c"),
        ("{% if n > 9 %}a{% endif %}", ""),
        ("{% if 'false' %}a{% endif %}", "a"),
        ("{% for x in [1, 2] %}{{ x }},{% endfor %}", "1,2,"),
        ("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for x in null %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for e in m %}{{ e.key }}={{ e.value }};{% endfor %}", "a=1;b=2;"),
        ("{% for x in 'a'..'c' %}{{ loop.index }}/{{ loop.length }}{{ loop.first }}{{ loop.last }}{{ loop.revindex }} {% endfor %}",
         "0/3truefalse2 1/3falsefalse1 2/3falsetrue0 "),
        ("{% for x in 1..2 %}{% for y in 1..2 %}{{ loop.parent.index }}{{ loop.index }} {% endfor %}{% endfor %}", "00 01 10 11 "),
        ("{% set a = 1 %}{% set a = a + 1 %}{{ a }}", "2"),
        ("{% set total = 0 %}{% for x in 1..4 %}{% set total = total + x %}{% endfor %}{{ total }}", "10"),
        ("{% for x in 1..2 %}{% set inner = x %}{% endfor %}{{ inner ?? 'gone' }}", "gone"),
        ("{% for n in 1..2 %}{{ n }}{% endfor %}{{ n }}", "125"),
        ("{% set n = n + 1 %}{{ n }}", "6"),
        ("{% set m = m %}{{ m.a }}{{ m['b'] }}", "12"),
        ("{% macro hi(who, mark='!') %}Hi {{ who }}{{ mark }}{% endmacro %}{{ hi('a') }}{{ hi('b', '?') }}{{ hi(mark='.', who='c') }}", "Hi a!Hi b?Hi c."),
        ("{{ later(1) }}{% macro later(x) %}[{{ x }}]{% endmacro later %}", "[1]"),
        ("{% macro own(x) %}{{ y ?? 'unseen' }}{{ n }}{% endmacro %}{% set y = 1 %}{{ own() }}", "unseen5"),
        ("{% macro twice(x) %}{{ x }}{{ x }}{% endmacro %}{{ twice('a') | upper }}", "AA"),
        ("{% macro f(x) %}{{ x > 0 ? x ~ f(x - 1) : '' }}{% endmacro %}{{ f(3) }}", "321"),
        ("{% block a %}A{% endblock %}{{ block('a') }}{% block 'b' %}B{% endblock b %}", "AAB"),
        ("{% filter upper | replace({'B': '-'}) %}a{{ 'b' }}c{% endfilter %}", "A-C"),
        ("{% set f = 'x' %}{% filter upper %}{{ f }}{% endfilter %}", "X"),
    ],
)  # fmt: skip
def test_tags(source: str, expected: str) -> None:
    assert render(source, n=5, m={"a": 1, "b": 2}) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{% for x in 5 %}{% endfor %}", "Not an iterable object"),
        ("{% for x in 'abc' %}{% endfor %}", "Not an iterable object"),
        ("{% if [] %}{% endif %}", "Wrong operand(s) type in conditional expression"),
        ("{% if null %}{% endif %}", "Wrong operand(s) type in conditional expression"),
        ("{% macro m(a) %}{% endmacro %}{{ m(1, 2) }}", "The macro `m` has no argument number 2"),
        ("{% macro m(a) %}{% endmacro %}{{ m(b=1) }}", "The macro `m` has no argument b"),
    ],
)
def test_wrong_values_in_tags(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(source)
    assert message in str(raised.value)


def test_an_error_inside_a_macro_leaves_the_scopes_as_they_were() -> None:
    assert render("{% set a = 1 %}{% macro m() %}{{ missing }}{% endmacro %}{{ m() ?? 'none' }}{{ a }}") == "none1"


def test_a_loop_error_is_caught_outside_and_its_scope_is_gone() -> None:
    source = "{% macro m() %}{% for x in 1..3 %}{{ missing }}{% endfor %}{% endmacro %}{{ m() ?? 'none' }}{{ x ?? 'no x' }}"
    assert render(source) == "noneno x"


@pytest.mark.parametrize(
    "source",
    ["{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{% block a %}{{ block('a') }}{% endblock %}"],
)
def test_endless_recursion_ends(source: str) -> None:
    with pytest.raises(BudgetExceeded, match="levels of nesting"):
        render(source)
