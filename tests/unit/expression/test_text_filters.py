"""Filters on texts, and those that encode, hash and escape."""

from typing import Any

import pytest

from kestra_stream.errors import BudgetExceeded, ExpressionError
from kestra_stream.expression import Budget
from tests.unit.expression.worlds import evaluate, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'Hello World' | abbreviate(8)", "Hello..."),
        ("'Hello' | abbreviate(8)", "Hello"),
        ("'Hello' | abbreviate(3)", "Hel"),
        ("'hELLO w' | capitalize", "HELLO w"),
        ("'' | capitalize", ""),
        ("'ÀB' | lower", "àb"),
        ("12 | upper", "12"),
        ("'the quick-brown  fox' | title", "The Quick-brown  Fox"),
        ("'  a b\\t' | trim", "a b\\t"),
        ("text | nl2br", "a<br />b<br />c"),
        ("'aXbX' | replace({'X': '-', 'a': 'b'})", "b-b-"),
        ("'a1b22' | replace({'[0-9]+': '<$0>'}, regexp=true)", "a<1>b<22>"),
        ("'Crème brûlée__for  2!' | slugify", "creme-brulee-for-2"),
        ("'a/b/c' | substringBefore('/')", "a"),
        ("'a/b/c' | substringBefore('')", ""),
        ("'a/b/c' | substringBefore('x')", "a/b/c"),
        ("'a/b/c' | substringBeforeLast('/')", "a/b"),
        ("'a/b/c' | substringBeforeLast('x')", "a/b/c"),
        ("'a/b/c' | substringAfter('/')", "b/c"),
        ("'a/b/c' | substringAfter('')", "a/b/c"),
        ("'a/b/c' | substringAfterLast('/')", "c"),
        ("'a/b/c' | substringAfterLast('x')", ""),
        ("text | indent(2)", "a\n  b\r\n  c"),
        ("text | nindent(1, '>')", "\n>a\n>b\r\n>c"),
        ("'hello' | startsWith('he')", True),
        ("'hello' | endsWith('he')", False),
        ("'order-12345' | regexMatch('\\d+')", True),
        ("'order' | regexMatch(regex='^\\d')", False),
        ("null | regexMatch('x')", False),
        ("'a1b2' | regexReplace('([a-z])(\\d)', '$2$1')", "1a2b"),
        ("'x' | regexReplace('(?<n>x)(y)?', '[${n}$2\\$1]')", "[x$1]"),
        ("'x' | regexReplace('(x)', '$12')", "x2"),
        ("'order-12345-done' | regexExtract('\\d+')", "12345"),
        ("'order-12345-done' | regexExtract('(\\w+)-(\\d+)', 2)", "12345"),
        ("'order' | regexExtract('\\d+')", None),
        ("'a.b' | regexReplace('\\Q.\\E', '-')", "a-b"),
        ("'ab' | regexMatch('b\\z')", True),
        ("'a,b,,' | split(',')", ["a", "b"]),
        ("'a,b,,' | split(',', -1)", ["a", "b", "", ""]),
        ("'a,b,c' | split(',', 2)", ["a", "b,c"]),
        ("'abc' | split('', 2)", ["a", "bc"]),
        ("'a1b2c' | split('\\d')", ["a", "b", "c"]),
        ("'a1b2c' | split('\\d', 2)", ["a", "b2c"]),
        ("'abc' | split('')", ["a", "b", "c"]),
        ("'' | split(',')", [""]),
        ("'a|b' | split('\\|')", ["a", "b"]),
        ("'é ü' | base64encode", "w6kgw7w="),
        ("'w6kgw7w=' | base64decode", "é ü"),
        ("'a b&c=d/é~*' | urlencode", "a+b%26c%3Dd%2F%C3%A9%7E*"),
        ("'a+b%26' | urldecode", "a b&"),
        ("'a' | md5", "0cc175b9c0f1b6a831c399e269772661"),
        ("'a' | sha1", "86f7e437faa5a7fce15d1ddcb9eaeaea377667b8"),
        ("'a' | sha256", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("\"it's\" | escapeChar('single')", "it\\'s"),
        ("[\"it's\", {'k': \"'\"}] | escapeChar('SHELL')", ["it'\\''s", {"k": "'\\''"}]),
        ("data | base64encode", "AP8="),
        ("null | upper", None),
        ("null | split(',')", None),
        ("null | split(comma)", None),
    ],
)
def test_filter(source: str, expected: Any) -> None:
    assert evaluate(f"{{{{ {source} }}}}", text="a\nb\r\nc", data=b"\0\xff", comma=",") == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("'a' | abbreviate(-1)", "`abbreviate`: the length may not be negative"),
        ("'a' | abbreviate('x')", "`abbreviate`:"),
        ("'a' | replace('b')", "needs a map of replacements, not a text"),
        ("'a' | indent(-1)", "the amount may not be negative"),
        ("'a' | regexMatch('(')", "the regular expression `(` does not parse"),
        ("'a' | regexMatch(p)", "a regular expression may have 4096 characters at most"),
        ("'a' | regexMatch('((a{1000}){1000}){1000}')", "repeats more than 20,000 parts"),
        ("'a' | regexMatch('(?:ab){0,5}{999999}')", "repeats more than 20,000 parts"),
        ("'a' | regexReplace('a', '$9')", "no such group"),
        ("'a' | regexExtract('a', 4)", "no such group"),
        ("'?' | base64decode", "`base64decode`:"),
        ("'a' | escapeChar('html')", "the type is 'single', 'double' or 'shell'"),
        ("'a' | escapeChar(1)", "the type is 'single', 'double' or 'shell'"),
        ("{'a': 1}['b'] | upper", "Unable to find `b`"),
    ],
)
def test_a_wrong_argument_is_an_error_that_names_the_filter(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(f"{{{{ {source} }}}}", p="x" * 5000)
    assert message in str(raised.value)


@pytest.mark.parametrize("pattern", ["a{5}", "[a{5}]{3}", r"\{3}", "(a|b){2,5}c", ")a", r"\d{4}-\d{2}", "x{0}", "[]a]{2}"])
def test_ordinary_repetitions_are_not_too_large(pattern: str) -> None:
    try:
        render("{{ 'a' | regexMatch(p) }}", p=pattern)
    except ExpressionError as error:
        assert "repeats more than" not in str(error)


def test_a_regular_expression_that_runs_away_is_stopped() -> None:
    quick = Budget(regex_seconds=0.05)
    with pytest.raises(BudgetExceeded, match=r"more than 0\.05 seconds for one regular expression"):
        render("{{ s | regexMatch('(x|xx)+y') }}", s="x" * 5000, budget=quick)


def test_slow_regular_expressions_can_not_be_strung_together() -> None:
    source = "{% for i in 1..1000 %}{{ s | regexMatch('x*x*x*x*y') }}{% endfor %}"
    with pytest.raises(BudgetExceeded):
        render(source, s="x" * 160, budget=Budget(steps=20_000))


def test_replacements_can_not_grow_beyond_the_budget() -> None:
    small = Budget(characters=1000)
    for source in (
        "{{ s | replace({'x': s}) }}",
        "{{ s | regexReplace('x', s) }}",
        "{{ s | indent(2000) }}",
        "{{ 'x' | nindent(2000) }}",
        "{{ s.replace('x', s) }}",
        "{{ s.repeat(100) }}",
        "{{ s | replace({'': s}) }}",
        "{{ [s, s, s, s, s, s, s, s, s, s, s] | join }}",
    ):
        with pytest.raises(BudgetExceeded, match="a text of more than 1,000 characters"):
            render(source, s="x" * 100, budget=small)


def test_matches_can_not_be_more_than_a_list_may_hold() -> None:
    with pytest.raises(BudgetExceeded, match="a list or map of more than 10 items"):
        render("{{ s | split('(?=x)') }}", s="x" * 100, budget=Budget(items=10))


def test_a_structure_too_deep_to_escape() -> None:
    with pytest.raises(BudgetExceeded, match="levels"):
        render("{% set a = ['x'] %}{% for i in 1..200 %}{% set a = [a] %}{% endfor %}{{ a | escapeChar('single') }}")
