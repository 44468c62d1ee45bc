"""No template is endless, and none makes more than the budget allows."""

from dataclasses import replace
from decimal import Decimal

import pytest

from kestra_stream.errors import BudgetExceeded, ExpressionError, InvalidExpression, Undefined
from kestra_stream.expression import Budget, compile_template
from tests.unit.expression.worlds import environment, render

DOUBLING = "{% set a = a %}{% set b = b %}{% for i in 1..60 %}{% set a = [a, a] %}{% set b = [b, b] %}{% endfor %}"
SMALL = Budget(steps=10_000, characters=10_000, items=1000)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ range(0, 1000000000) }}", "a list or map of more than 1,000 items"),
        ("{{ 0..9223372036854775806 }}", "a list or map of more than 1,000 items"),
        ("{% for i in 1..999 %}{% for j in 1..999 %}{% for k in 1..999 %}{% endfor %}{% endfor %}{% endfor %}", "10,000"),
        ("{% set a = a %}{% set t = t %}{% for i in 1..60 %}{% set t = t ~ t %}{% endfor %}{{ t }}", "a text of more than 10,000 characters"),
        ("{% set a = a %}{% set t = t %}{% for i in 1..60 %}{% set t = t + t %}{% endfor %}{{ t }}", "a text of more than 10,000 characters"),
        ("{% set a = a %}{% set t = t %}{% for i in 1..60 %}{% set a = a + a %}{% endfor %}", "a list or map of more than 1,000 items"),
        ("{% set a = a %}{% set t = t %}{% for i in 1..60 %}{% set a = a | merge(a) %}{% endfor %}", "a list or map of more than 1,000 items"),
        ("{% set a = a %}{% set t = t %}{% for i in 1..60 %}{% set a = [a, a] | flatten %}{% endfor %}", "a list or map of more than 1,000 items"),
        (DOUBLING + "{{ a }}", "10,000"),
        (DOUBLING + "{{ a == b }}", "10,000"),
        (DOUBLING + "{{ [a, b] | distinct }}", "10,000"),
        (DOUBLING + "{{ [b] contains [a] }}", "10,000"),
        (DOUBLING + "{{ render(a) }}", "10,000"),
        (DOUBLING + "{{ [a] - [b] }}", "10,000"),
        ("{% set a = a %}{% set b = b %}{% for i in 1..200 %}{% set a = [a] %}{% set b = [b] %}{% endfor %}{{ a == b }}", "a comparison of more than 100 levels"),
        ("{% for i in 1..99 %}{{ long }}{% endfor %}", "10,000 characters of output"),
        ("{{ long }}" * 20, "10,000 characters of output"),
        ("x" * 6000 + "{{ 1 }}" + "x" * 6000, "10,000 characters of output"),
        ("{{ long }}{% raw %}" + "x" * 10_000 + "{% endraw %}", "10,000 characters of output"),
        ("{{ big - big }}", "10,000"),
        ("{% for i in 1..900 %}{% set u = (long ~ i) | slugify %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = (long ~ i) | title %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = (long ~ i) | urlencode | urldecode %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = (long ~ i) | toIon %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = nanoId(900) %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = big | chunk(1) %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = long | regexMatch('y' ~ i) %}{% endfor %}", "10,000"),
        ("{% for i in 1..900 %}{% set u = long | split('') %}{% endfor %}", "10,000"),
        ("{% set a = a %}{% for i in 1..200 %}{% set a = [a] %}{% endfor %}{{ [a] | distinct }}", "a value of more than 100 levels"),
        (DOUBLING + "{{ a | yaml }}", "10,000"),
        ("{{ [big, big] | flatten | flatten | sort | rsort | reverse | distinct | join }}{{ 0..999 }}" * 20, "1,000 items"),
        ("".join(f"{{% macro m{n}() %}}{{{{ m{n + 1}() }}}}{{{{ m{n + 1}() }}}}{{% endmacro %}}" for n in range(30))
         + "{% macro m30() %}x{% endmacro %}{{ m0() }}", "10,000"),
    ],
)  # fmt: skip
def test_bombs_are_defused(source: str, message: str) -> None:
    with pytest.raises(BudgetExceeded) as raised:
        render(source, t="xx", a=["x"], b=["x"], long="x" * 1000, big=list(range(900)), budget=SMALL)
    assert any(part in str(raised.value) for part in message.split("|"))
    assert str(raised.value).startswith("The expression `")


def test_ints_stay_in_64_bits() -> None:
    assert render("{% set a = 3 %}{% for i in 1..1000 %}{% set a = a * a %}{% endfor %}{{ a }}").lstrip("-").isdecimal()


def test_decimals_stay_bounded() -> None:
    with pytest.raises(ExpressionError, match="more than 4096 digits"):
        render("{% set a = '1.5' | number('BIGDECIMAL') %}{% for i in 1..1000 %}{% set a = a * a %}{% endfor %}{{ a }}")


def test_a_list_of_a_million_values_is_still_printed_and_sorted() -> None:
    big = list(range(1_000_000))
    assert render("{{ big | sort | length }}", big=big) == "1000000"
    assert len(render("{{ big }}", big=big)) == 6_888_891


def test_a_cyclic_value_is_refused() -> None:
    cycle: list[object] = []
    cycle.append(cycle)
    with pytest.raises(BudgetExceeded, match="levels"):
        render("{{ x }}", x=cycle)


def test_slow_regular_expressions_share_one_allowance() -> None:
    with pytest.raises(BudgetExceeded, match=r"more than 100,000 steps|more than 0\.05 seconds"):
        render(
            "{% for i in 1..99 %}{% set x = (long ~ i ~ '!') | regexMatch('(a|aa)+$') %}{% endfor %}",
            long="a" * 5000,
            budget=Budget(steps=100_000, regex_seconds=0.05),
        )


def test_programs_that_run_apart_use_up_steps() -> None:
    with pytest.raises(BudgetExceeded, match="more than 60,000 steps"):
        render("{{ [1] | jq('limit(1; .[])') }}{{ [1] | jq('limit(1; .[])') }}", budget=Budget(steps=60_000))


@pytest.mark.parametrize(
    "source", ["{{ 1 }}" * 20_000, "{{ [" + "1," * 30_000 + "] }}", "{{ max(" + "1," * 30_000 + ") }}", '{{ "#{1}" }}' * 20_000]
)
def test_a_template_has_so_many_tokens_at_most(source: str) -> None:
    with pytest.raises(InvalidExpression, match="50,000 names, numbers, texts and signs"):
        compile_template(source)


def test_messages_are_short_whatever_is_missing() -> None:
    with pytest.raises(Undefined) as raised:
        render("{{ a[b] }}", a={}, b="x" * 1_000_000)
    assert len(str(raised.value)) < 400
    with pytest.raises(InvalidExpression, match="A name may have 1,000 characters at most"):
        compile_template("{{ " + "a" * 900_000 + " }}")


@pytest.mark.parametrize("source", ["{{ big % 7 }}", "{{ big | numberFormat('#') }}", "{{ one < nan }}", "{{ -99999999999999 | date }}"])
def test_numbers_out_of_range_are_named_in_words(source: str) -> None:
    with pytest.raises(ExpressionError, match=r"more digits than can be worked with|are no date of the years"):
        render(source, big=Decimal("1E4000"), one=Decimal(1), nan=float("nan"))


def test_distinct_tells_kinds_apart_and_numbers_by_value() -> None:
    assert render("{{ [1, 1.0, '1', true, [1], [1.0], ['1'], {'a': 1}, {'a': 1.0}, {'a': '1'}, null, null] | distinct }}") == (
        '[1,"1",true,[1],["1"],{"a":1},{"a":"1"},null]'
    )


@pytest.mark.parametrize("pattern", ["(?R)?x", "(x(?1)?)", "(?P<n>x(?&n)?)", "(?:abc){e<=2}", "x{i}", "a{"])
def test_patterns_that_java_does_not_know_are_refused(pattern: str) -> None:
    with pytest.raises(ExpressionError, match=r"does not parse: `.+` at \d+"):
        render("{{ 'x' | regexMatch(p) }}", p=pattern)


def test_braces_of_java_are_understood() -> None:
    assert render("{{ 'É{2}' | regexMatch('^\\p{Lu}\\{2}$') }}{{ 'aa{' | regexMatch('^a{2}[{]$') }}") == "truetrue"


def test_a_template_may_compute_for_a_while_only() -> None:
    """Its thread's clock is looked at every few thousand steps."""
    seconds = iter(range(1000))
    clocked = replace(environment(), work_time=lambda: next(seconds) * 0.3)
    template = compile_template("{% for i in 1..100 %}{% for j in 1..1000 %}{{ j }}{% endfor %}{% endfor %}")
    with pytest.raises(BudgetExceeded, match="more than 1 seconds of computing"):
        template.render({}, clocked)
    assert next(seconds) == 5


def test_what_a_render_has_used_is_told() -> None:
    told: list[int] = []
    template = compile_template("{% for i in 1..100 %}{{ i }}{% endfor %}")
    template.render({}, replace(environment(), spent=told.append))
    with pytest.raises(BudgetExceeded):
        template.render({}, replace(environment(budget=Budget(steps=50)), spent=told.append))
    assert 100 <= told[0] <= 1000
    assert told[1] == 50
