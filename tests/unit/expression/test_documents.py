"""JSON, YAML, Ion and jq."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from kestra_stream.errors import BudgetExceeded, ExpressionError
from kestra_stream.expression import Budget
from kestra_stream.expression.filters import jq
from tests.unit.expression.worlds import evaluate, render


def test_json_of_null_is_nothing() -> None:
    assert render("{{ null | json }}{{ null | toJson }}") == ""


# -- YAML --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, "b": [1, {"c": "x"}], "d": {"e": {}}}, "a: 1\nb:\n - 1\n -\n  c: x\nd:\n  e: {}\n"),
        ([[1], []], " -\n   - 1\n - []\n"),
        ("text", "text\n"),
        (None, "null\n"),
        (True, "true\n"),
        (1.5, "1.5\n"),
        ({"a": None, "b": 1}, "b: 1\n"),
        (["yes", "12", "1.5", "", " a", "a: b", "#x", "a #b", "x:", "it's", 'q"q', "-", "true", "a\tb"],
         ' - "yes"\n - "12"\n - "1.5"\n - ""\n - " a"\n - "a: b"\n - "#x"\n - "a #b"\n - "x:"\n - it\'s\n - q"q\n - "-"\n - "true"\n - "a\\tb"\n'),
        ({"t": "a\nb\n"}, "t: |\n  a\n  b\n"),
        ({"t": "a\nb"}, "t: |-\n  a\n  b\n"),
        ({"t": "a\n\n\n"}, "t: |+\n  a\n\n\n"),
        ({"t": " a\nb"}, "t: |2-\n   a\n  b\n"),
        (date(2024, 1, 2), "2024-01-02\n"),
        ("\x07", '"\\u0007"\n'),
    ],
)  # fmt: skip
def test_yaml_prints_blocks(value: Any, expected: str) -> None:
    assert render("{{ value | yaml }}", value=value) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"t": "a\nb\n", "u": ["x\ny", {"v": "  z\n"}], "e": [], "n": [[["deep"]]]},
        ["on", "~", "0x1f", "1e3", "- a", "? b", "a\\b", "'", '"', "{", "[", "&a", "*a", "!t", "%x", "@x", "`x", "a\u2028b"],
    ],
)
def test_what_yaml_prints_reads_back_as_the_same(value: Any) -> None:
    printed = render("{{ value | yaml }}", value=value)
    assert yaml.safe_load(printed) == value
    assert evaluate("{{ yaml(printed) }}", printed=printed) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [x, 1.5, true, ~]\nc:", {"a": 1, "b": ["x", 1.5, True, None], "c": None}),
        ("d: 2024-01-02\ny: yes\nq: '1'", {"d": "2024-01-02", "y": "yes", "q": "1"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ("a: &x one\nb: *x", {"a": "one", "b": "one"}),
        ("1: a\ntrue: b\n~: c", {"1": "a", "true": "b", "": "c"}),
        ("--- 1\n--- 2", 1),
        ("", None),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
    ],
)
def test_yaml_is_read(text: str, expected: Any) -> None:
    assert evaluate("{{ yaml(text) }}", text=text) == expected


def test_yaml_of_null_is_null() -> None:
    assert evaluate("{{ yaml(null) }}") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "the YAML does not parse"),
        ("a: *x", "the YAML alias `*x` stands before its anchor is complete"),
        ("&a [*a]", "the YAML alias `*a` stands before its anchor is complete"),
        ("? [1]\n: 2", "a list or map can not be the key of a map"),
    ],
)
def test_wrong_yaml_is_named(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render("{{ yaml(text) }}", text=text)
    assert message in str(raised.value)


def test_yaml_can_neither_nest_nor_laugh_beyond_the_budget() -> None:
    with pytest.raises(BudgetExceeded, match="YAML of more than 100 levels"):
        render("{{ yaml(text) }}", text="[" * 1000)
    laughs = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 10)}]\n" for n in range(12)
    )
    for filter_name in ("yaml", "toIon", "json", "string", "escapeChar('single')"):
        with pytest.raises(BudgetExceeded):
            render(f"{{{{ yaml(text) | {filter_name} | length }}}}", text=laughs, budget=Budget(steps=20_000))


@pytest.mark.parametrize("filter_name", ["yaml", "toIon", "json", "string"])
def test_a_structure_too_deep_to_print(filter_name: str) -> None:
    with pytest.raises(BudgetExceeded, match="levels"):
        render("{% set a = ['x'] %}{% for i in 1..200 %}{% set a = [a] %}{% endfor %}{{ a | " + filter_name + " }}")


def test_a_print_longer_than_the_budget() -> None:
    for filter_name in ("yaml", "json"):
        with pytest.raises(BudgetExceeded):
            render(f"{{{{ [a, a, a] | {filter_name} }}}}", a=list(range(100)), budget=Budget(characters=50, items=50))
    with pytest.raises(BudgetExceeded):
        render("{{ a | json }}", a=["x" * 1000] * 50, budget=Budget(characters=10_000))


# -- Ion ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": [1, "x", None, True]}, '{a:[1,"x",null,true]}'),
        (Decimal("1.5"), "1.5"),
        (None, "null"),
        (timedelta(seconds=90), '"PT1M30S"'),
        (date(2024, 1, 2), '"2024-01-02"'),
        (time(1, 2), '"01:02"'),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05.000000+00:00"),
    ],
)
def test_ion_prints(value: Any, expected: str) -> None:
    printed = render("{{ value | toIon }}", value=value)
    assert printed.replace("Z", "+00:00").replace("-00:00", "+00:00") == expected


def test_ion_is_read() -> None:
    rows = '{a:1, b:"x", c:null, d:1.5, e:2.5e0, f:true, g:sym, h:[1], i:2024-01-02T03:04:05Z, j:{{aGk=}}}\n{a:2}'
    first = evaluate("{{ fromIon(rows) }}", rows=rows)
    assert first == {
        "a": 1, "b": "x", "c": None, "d": Decimal("1.5"), "e": 2.5, "f": True, "g": "sym", "h": [1],
        "i": datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "j": b"hi",
    }  # fmt: skip
    assert [type(item) for item in first.values()] == [int, str, type(None), Decimal, float, bool, str, list, datetime, bytes]
    assert evaluate("{{ fromIon(rows, allRows=true) }}", rows=rows) == [first, {"a": 2}]
    assert evaluate("{{ fromIon('') }}") is None
    assert evaluate("{{ fromIon(null) }}") is None


def test_wrong_ion_is_named() -> None:
    with pytest.raises(ExpressionError, match="the Ion does not parse"):
        render("{{ fromIon('{a:') }}")
    with pytest.raises(BudgetExceeded, match="Ion of more than 100 levels"):
        render("{{ fromIon(text) }}", text="[" * 1000)
    assert evaluate("{{ fromIon(text) }}", text="[[1],[2]]") == [[1], [2]]


# -- jq ----------------------------------------------------------------------------------------------------------------

ROWS = [{"id": 1, "tags": ["x", "y"]}, {"id": 2, "tags": []}]


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (".[].id", [1, 2]),
        ("map({id: .id, n: (.tags | length)})", [[{"id": 1, "n": 2}, {"id": 2, "n": 0}]]),
        ("[.[] | select(.id > 1)]", [[ROWS[1]]]),
        (".[0].tags[1:]", [["y"]]),
        (".[] | .tags | tojson", ['["x","y"]', "[]"]),
        ("empty", []),
        # These run in a process of their own.
        ("[.[] as $row | $row.id * 2]", [[2, 4]]),
        ('.[] | "n\\(.id)"', ["n1", "n2"]),
        ("[limit(3; repeat(1))]", [[1, 1, 1]]),
        ('.[0].tags | join("-") | test("^x")', [True]),
        ("env | length < 3", [True]),
    ],
)
def test_jq_lists_all_results(program: str, expected: list[Any]) -> None:
    assert evaluate("{{ rows | jq(program) }}", rows=ROWS, program=program) == expected


def test_a_large_input_for_many_generators_runs_apart() -> None:
    assert evaluate("{{ rows | jq('[.[] | .[]] | length') }}", rows=[[n, n] for n in range(1000)]) == [2000]


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (".[", "`jq`: jq: error: syntax error"),
        (".a", "`jq`: Cannot index array with string"),
        ("[.[0] as $x | $x.a.b.c | error]", "`jq`:"),
        ('import "a" as a; .', "a jq program can not load modules"),
        (" " * 20_000, "a jq program has 10000 characters at most"),
        (5, "the program is a text, not a number"),
    ],
)
def test_a_wrong_program_is_named(program: Any, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render("{{ rows | jq(program) }}", rows=ROWS, program=program)
    assert message in str(raised.value)


@pytest.mark.parametrize("program", ["repeat(1)", "[range(1e12)] | length", "def f: f; f", ".[500000000] = 1"])
def test_an_endless_program_is_stopped(program: str) -> None:
    with pytest.raises(BudgetExceeded, match="for one jq program"):
        render("{{ [] | jq(program) }}", program=program, budget=Budget(regex_seconds=0.1))


def test_a_process_that_does_not_even_start_in_time_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jq, "_START_SECONDS", -0.499)
    with pytest.raises(BudgetExceeded, match=r"more than 0\.5 seconds for one jq program"):
        render("{{ 1 | jq('range(2)') }}")


def test_results_longer_than_the_budget_are_refused() -> None:
    with pytest.raises(BudgetExceeded):
        render("{{ 1 | jq('range(1000)') | length }}", budget=Budget(characters=100))
    with pytest.raises(BudgetExceeded, match="a list or map of more than 10 items"):
        render("{{ 1 | jq('range(100)') | length }}", budget=Budget(items=10))
