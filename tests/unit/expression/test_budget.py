"""No template is endless, and none makes more than the budget allows."""

import pytest

from kestra_stream.errors import BudgetExceeded, ExpressionError
from kestra_stream.expression import Budget
from tests.unit.expression.worlds import render

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
