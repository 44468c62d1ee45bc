"""Arithmetic as Java does it, comparison, containment, ranges, truth, and what forgives the undefined."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest

from kestra_stream.errors import ExpressionError, Undefined
from tests.unit.expression.worlds import evaluate, render


class Colour(Enum):
    """An enum as the engine's states are."""

    RED = "red"


MOST = 2**63 - 1


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 7 / 2 }}", 3),
        ("{{ -7 / 2 }}", -3),
        ("{{ 7 / -2 }}", -3),
        ("{{ -7 / -2 }}", 3),
        ("{{ 7 % -3 }}", 1),
        ("{{ -7 % 3 }}", -1),
        ("{{ 7.5 % 2 }}", 1.5),
        ("{{ most + 1 }}", -(2**63)),
        ("{{ -most - 2 }}", MOST),
        ("{{ most * 2 }}", -2),
        ("{{ 1 + 1.5 }}", 2.5),
        ("{{ 2 * 0.5 }}", 1.0),
        ("{{ 1.0 / 0 }}", float("inf")),
        ("{{ -1.0 / 0 }}", float("-inf")),
        ("{{ 1.0 / -0.0 }}", float("-inf")),
        ("{{ decimal + 1 }}", Decimal("2.5")),
        ("{{ decimal * 0.1 }}", Decimal("0.15")),
        ("{{ decimal / 3 }}", Decimal("0.5")),
        ("{{ decimal % 1 }}", Decimal("0.5")),
        ("{{ decimal - decimal }}", Decimal("0.0")),
        ("{{ -decimal }}", Decimal("-1.5")),
        ("{{ +decimal }}", Decimal("1.5")),
        ("{{ 1 + 'a' }}", "1a"),
        ("{{ 'a' + null }}", "a"),
        ("{{ [1] + 2 }}", [1, 2]),
        ("{{ [1] + [2] }}", [1, 2]),
        ("{{ [1, 2, 1] - 1 }}", [2]),
        ("{{ [1, 2, 3] - [1, 3] }}", [2]),
    ],
)
def test_arithmetic_is_that_of_java(source: str, expected: Any) -> None:
    result = evaluate(source, most=MOST, decimal=Decimal("1.5"))
    assert result == expected
    assert type(result) is type(expected)


def test_what_has_no_value_is_nan() -> None:
    assert render("{{ 0.0 / 0 }} {{ 1.0 % 0 }} {{ (1.0 / 0) % 2 }} {{ (0.0 / 0) / 0 }}") == "NaN NaN NaN NaN"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 % 0 }}", "division by zero"),
        ("{{ decimal / 0 }}", "division by zero"),
        ("{{ 'a' - 1 }}", "Could not perform subtraction: text and number"),
        ("{{ 'a' * 2 }}", "Could not perform multiplication"),
        ("{{ 1 / 'a' }}", "Could not perform division"),
        ("{{ true % 2 }}", "Could not perform modulus: boolean and number"),
        ("{{ null + 1 }}", "Could not perform addition: null and number"),
        ("{{ {} + 1 }}", "map and number"),
        ("{{ 1 + [] }}", "number and list"),
        ("{{ -'a' }}", "Could not negate: text"),
        ("{{ +'a' }}", "text is not a number"),
        ("{{ 'a' < 'b' }}", "Could not perform less comparison"),
        ("{{ day > 1 }}", "date and number"),
        ("{{ 1 contains 1 }}", "neither a text, a list nor a map"),
        ("{{ 1..'a' }}", "Could not make a range from number to text"),
        ("{{ 'ab'..'c' }}", "between two letters"),
        ("{{ range(1, 2, 0) }}", "the step is 0"),
        ("{{ not null }}", "neither true nor false; use `??`"),
        ("{{ [] and true }}", "test `is empty` instead"),
        ("{{ {} ? 1 : 2 }}", "test `is empty` instead"),
        ("{{ {[]: 1} }}", "can not be the key of a map"),
    ],
)
def test_a_wrong_operand_is_named_with_its_place(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(source, decimal=Decimal(1), day=date(2024, 1, 1))
    assert message in str(raised.value)
    assert f"in the expression `{source}` at line 1" in str(raised.value)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 == 1.0", True),
        ("1 == decimal", True),
        ("1 != 2", True),
        ("1 equals 1", True),
        ("'1' == 1", False),
        ("true == 1", False),
        ("null == null", True),
        ("null == 1", False),
        ("'a' == null", False),
        ("null != 1", True),
        ("null < 1", False),
        ("1 >= null", False),
        ("colour == 'red'", True),
        ("'red' == colour", True),
        ("colour == 'blue'", False),
        ("[1, 2] == [1.0, 2]", True),
        ("[1] == [1, 2]", False),
        ("[1] == [2]", False),
        ("{'a': [1]} == {'a': [1]}", True),
        ("{'a': 1} == {'b': 1}", False),
        ("{} == []", False),
        ("moment == moment", True),
        ("moment < later", True),
        ("later <= moment", False),
        ("day >= day", True),
        ("1 <= 1.0", True),
        ("2 > 1", True),
    ],
)
def test_comparison(source: str, expected: bool) -> None:  # noqa: FBT001 - a table of truths
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    found = evaluate(
        f"{{{{ {source} }}}}", decimal=Decimal(1), colour=Colour.RED, moment=moment, later=moment + timedelta(1), day=date(2024, 1, 1)
    )
    assert found is expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'hello' contains 'ell'", True),
        ("'a1' contains 1", True),
        ("'a' contains null", False),
        ("[1, 2] contains 2.0", True),
        ("[1, 2] contains '2'", False),
        ("[[1]] contains 1", False),
        ("[1, 2, 3] contains [1, 3]", True),
        ("[1, 2] contains [1, 3]", False),
        ("{'a': 1} contains 'a'", True),
        ("{'1': 1} contains 1", True),
        ("{'a': 1} contains {'a': 1}", False),
        ("{'a': 1, 'b': 1} contains ['a', 'b']", True),
        ("null contains 1", False),
        ("2 in [1, 2]", True),
        ("'b' not in 'abc'", False),
        ("'a' in {'a': 1}", True),
    ],
)
def test_containment(source: str, expected: bool) -> None:  # noqa: FBT001 - as above
    assert evaluate(f"{{{{ {source} }}}}") is expected


def test_ranges_include_both_ends() -> None:
    assert evaluate("{{ 1..3 }}") == [1, 2, 3]
    assert evaluate("{{ 'a'..'c' }}") == ["a", "b", "c"]
    assert evaluate("{{ 3..1 }}") == []
    assert evaluate("{{ range(3, 1, -1) }}") == [3, 2, 1]
    assert evaluate("{{ range(0, 10, 4) }}") == [0, 4, 8]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'' ? 1 : 0", 0),
        ("'false' ? 1 : 0", 1),
        ("0 ? 1 : 0", 0),
        ("0.5 ? 1 : 0", 1),
        ("null ? 1 : 0", 0),
        ("not 'a'", False),
        ("not 0", True),
        ("1 and 'a'", True),
        ("0 or ''", False),
        ("true or missing", True),
        ("false and missing", False),
    ],
)
def test_truth_inside_expressions(source: str, expected: Any) -> None:
    assert evaluate(f"{{{{ {source} }}}}") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("missing.a.b[0] ?? 'x'", "x"),
        ("nothing ?? 'x'", "x"),
        ("nothing ??? 'x'", None),
        ("missing ??? 'x'", "x"),
        ("missing ?? nothing ?? 'x'", "x"),
        ("missing ??? nothing ?? 'x'", "x"),
        ("0 ?? 1", 0),
        ("missing | default('x')", "x"),
        ("missing.a | upper | default('x')", "x"),
        ("'  ' | default('x')", "x"),
        ("[] | default('x')", "x"),
        ("nothing | default('x')", "x"),
        ("0 | default('x')", 0),
        ("missing is defined", False),
        ("nothing is not defined", True),
        ("true ? 1 : missing", 1),
        ("false ? missing : 1", 1),
    ],
)
def test_what_forgives_the_undefined(source: str, expected: Any) -> None:
    assert evaluate(f"{{{{ {source} }}}}", nothing=None) == expected


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ missing }}", "missing"),
        ("{{ a.missing }}", "missing"),
        ("{{ a['missing'] }}", "missing"),
        ("{{ a.list[2] }}", "2"),
        ("{{ a.list['x'] }}", "x"),
        ("{{ a.list[index] }}", "7"),
        ("{{ a.nothing.x }}", "x"),
        ("{{ a.text.x }}", "x"),
        ("{{ a[a] }}", "a map`"),
        ("{{ (a).missing }}", "missing"),
        ("{{ missing ?? other }}", "other"),
        ("{{ missing | upper }}", "missing"),
        ("{{ missing is null }}", "missing"),
        ("{{ [missing] }}", "missing"),
        ("{% set b = 1 %}{{ c }}{{ b }}", "c"),
    ],
)
def test_the_undefined_is_named(source: str, name: str) -> None:
    with pytest.raises(Undefined) as raised:
        render(source, a={"list": [1, 2], "nothing": None, "text": "t"}, index=7)
    assert str(raised.value).startswith(f"Unable to find `{name}")
    assert f"used in the expression `{source}` at line 1" in str(raised.value)


def test_the_line_of_an_error_is_that_of_the_name() -> None:
    with pytest.raises(Undefined, match="at line 3"):
        render("a\nb\n{{ missing }}\n{{ 1 }}")


def test_paths_try_the_key_of_a_map_first() -> None:
    variables: dict[str, Any] = {"m": {"1": "text", 2: "int", "size": "own", "-3": "minus"}, "l": ["a", "b"], "t": ("x",), "k": "size"}
    assert render("{{ m[1] }}{{ m['2'] }}{{ m.size }}{{ m[k] }}{{ l['1'] }}{{ t[0] }}{{ m[-3] }}", **variables) == "textintownownbxminus"
    with pytest.raises(Undefined):
        render("{{ m['--3'] }}", **variables)
    with pytest.raises(Undefined):
        render("{{ l['99999999999999999999999'] }}", **variables)
