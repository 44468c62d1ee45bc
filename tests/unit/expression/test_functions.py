"""Functions and methods."""

import json
from typing import Any

import pytest

from kestra_stream.errors import BudgetExceeded, ExpressionError, LookupNeeded, NotFound
from kestra_stream.expression import LOOKUP_FUNCTIONS
from tests.unit.expression.worlds import evaluate, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("max(1, 3.5, 2)", 3.5),
        ("min(2, 1)", 1),
        ("max()", None),
        ("min()", None),
        ("range(1, 3)", [1, 2, 3]),
        ("range(start=1, end=5, increment=2)", [1, 3, 5]),
        ("fromJson('{\"a\": [1, 1.5, null]}')", {"a": [1, 1.5, None]}),
        ("json(null)", None),
        ("now()", "2026-11-24T02:25:39.793646Z"),
        ("now(format='yyyy', timeZone='Asia/Tokyo')", "2026"),
        ("now('HH:mm', timeZone='Asia/Tokyo')", "11:25"),
        ("id() | length", 22),
        ("nanoId() | length", 21),
        ("nanoId(5, 'ab') | regexMatch('^[ab]{5}$')", True),
        ("uuid() | regexMatch('^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$')", True),
        ("randomInt(3, 4)", 3),
        ("randomInt(lower=-5, upper=5) < 5", True),
        ("randomPort() > 1023", True),
        ("render('{{ x }}')", "1"),
        ("render('a')", "a"),
        ("render(5)", 5),
        ("render({'{{ x }}': ['{{ x }}', 2]})", {"1": ["1", 2]}),
        ("render(nested)", "1!?"),
        ("render(nested, recursive=false)", "{{ x }}!?"),
        ("renderOnce(nested)", "{{ x }}!?"),
        ("render('{% raw %}{{ x }}{% endraw %}{{ nested }}')", "{{ x }}1!?"),
        ("renderOnce('{% raw %}{{ x }}{% endraw %}')", "{{ x }}"),
        ("render('{{ render(nested) }}')", "1!?"),
        ("render('{{ always }}')", "{{ always }}"),
    ],
)
def test_function(source: str, expected: Any) -> None:
    variables: dict[str, Any] = {"x": 1, "inner": "{{ x }}!", "nested": "{{ inner }}?", "always": "{{ always }}"}
    assert evaluate(f"{{{{ {source} }}}}", **variables) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("max('a', 'b')", "`max`: Could not perform greater comparison"),
        ("fromJson('{')", "`fromJson`:"),
        ("fromJson('NaN')", "NaN is no JSON"),
        ("nanoId(0)", "the length is between 1 and 1000"),
        ("nanoId(5, '')", "the alphabet is empty"),
        ("randomInt(2, 2)", "needs two ints, the lower one first"),
        ("randomInt('a', 2)", "needs two ints, the lower one first"),
        ("now(timeZone='Mars/Base')", "Unknown time-zone ID: Mars/Base"),
        ("currentEachOutput(1)", "needs the outputs of a task, a map, not a number"),
        ("currentEachOutput({'b': 1})", "there are no outputs for the iteration `a`"),
    ],
)
def test_a_wrong_call_is_named(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(f"{{{{ {source} }}}}", taskrun={"value": "a"})
    assert message in str(raised.value)


def test_json_nested_too_deep_is_beyond_the_budget() -> None:
    with pytest.raises(BudgetExceeded):
        render("{{ fromJson(s) }}", s="[" * 100_000)


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"taskrun": {"value": "a"}}, {"uri": "own"}),
        ({"taskrun": {"value": "a"}, "parents": []}, {"uri": "own"}),
        ({"taskrun": {"value": "y"}, "parents": [{"taskrun": {"value": "x"}}, {"outputs": {}}, "odd"]}, {"uri": "inner"}),
        ({"taskrun": {}}, None),
    ],
)
def test_current_each_output_follows_the_values_of_all_loops(variables: dict[str, Any], expected: Any) -> None:
    outputs = {"t": {"a": {"uri": "own"}, "x": {"y": {"uri": "inner"}}}}
    found = evaluate("{{ currentEachOutput(outputs.t) }}", outputs=outputs, **variables)
    assert found == (expected or outputs["t"])
    assert evaluate("{{ currentOutput(outputs.t) }}", outputs=outputs, **variables) == found


def test_tasks_with_state_lists_runs_and_iterations() -> None:
    tasks = {
        "one": {"state": "FAILED"},
        "each": {"a": {"state": "FAILED"}, "b": {"state": "SUCCESS"}, "c": 5},
        "named": {"state": {"state": "FAILED"}},
        "odd": 1,
    }
    assert evaluate("{{ tasksWithState('failed') }}", tasks=tasks) == [
        {"taskId": "one", "state": "FAILED"},
        {"taskId": "each", "state": "FAILED", "value": "a"},
        {"taskId": "named", "state": "FAILED", "value": "state"},
    ]
    assert evaluate("{{ tasksWithState('FAILED') }}") == []


@pytest.mark.parametrize("name", ["printContext", "fetchContext"])
def test_the_context_prints_as_json(name: str) -> None:
    assert json.loads(render(f"{{{{ {name}() }}}}", a=1, b={"c": [2]})) == {"a": 1, "b": {"c": [2]}}


# -- functions that need IO --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(LOOKUP_FUNCTIONS))
def test_a_function_that_is_not_supplied_can_only_be_used_in_a_task(name: str) -> None:
    with pytest.raises(ExpressionError, match=f"The '{name}' function can only be used in a task"):
        render(f"{{{{ {name}('x') }}}}")


def test_a_supplied_function_gets_the_arguments_as_they_are_written() -> None:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def kv(*args: Any, **kwargs: Any) -> dict[str, int]:
        calls.append((args, kwargs))
        return {"a": 1}

    assert evaluate("{{ kv('k', ns, errorOnMissing=false).a }}", ns="x", functions={"kv": kv}) == 1
    assert calls == [(("k", "x"), {"errorOnMissing": False})]


@pytest.mark.parametrize(
    "source",
    [
        "{{ kv('x') }}",
        "{{ kv('x') ?? 'y' }}",
        "{{ kv('x') ??? 'y' }}",
        "{{ kv('x') | default('y') }}",
        "{{ kv('x') is defined }}",
        "{{ true ? kv('x') : 1 }}",
        "{% if kv('x') %}{% endif %}",
        "{% for i in kv('x') %}{% endfor %}",
        "{{ render('{{ kv(1) }}') }}",
        "{{ [kv('x')] | join }}",
    ],
)
@pytest.mark.parametrize("error", [LookupNeeded("kv", ("x",), {}), NotFound("no such key")])
def test_our_own_errors_pass_through_unchanged(source: str, error: Exception) -> None:
    def kv(*_args: Any) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        render(source, functions={"kv": kv})
    assert raised.value is error


def test_an_error_of_a_supplied_function_names_the_call() -> None:
    def read(uri: str) -> str:
        raise FileNotFoundError(uri)

    with pytest.raises(ExpressionError, match=r"`read`: nope, in the expression"):
        render("{{ read('nope') }}", functions={"read": read})
    with pytest.raises(ExpressionError, match=r"`read`: .*unexpected keyword argument"):
        render("{{ read(url='nope') }}", functions={"read": read})


@pytest.mark.parametrize(
    ("error", "message"), [(KeyError("k"), "k is not there"), (KeyError(), "a key is not there"), (ValueError(), "ValueError")]
)
def test_an_error_without_a_text_still_says_something(error: Exception, message: str) -> None:
    def read() -> None:
        raise error

    with pytest.raises(ExpressionError, match=f"`read`: {message}"):
        render("{{ read() }}", functions={"read": read})


# -- methods -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'aB'.toUpperCase()", "AB"),
        ("'aB'.toLowerCase()", "ab"),
        ("' a '.trim()", "a"),
        ("'abc'.length()", 3),
        ("[1].size()", 1),
        ("{}.isEmpty()", True),
        ("' '.isBlank()", True),
        ("'abcd'.substring(1)", "bcd"),
        ("'abcd'.substring(1, 3)", "bc"),
        ("'abc'.charAt(1)", "b"),
        ("'abcb'.indexOf('b')", 1),
        ("'abcb'.lastIndexOf('b')", 3),
        ("'abc'.startsWith('a')", True),
        ("'abc'.endsWith('a')", False),
        ("'abc'.contains('b')", True),
        ("[1].contains(1)", True),
        ("'a.b'.replace('.', '-')", "a-b"),
        ("'a1'.replaceAll('\\d', '-')", "a-"),
        ("'a,b'.split(',')", ["a", "b"]),
        ("'abc'.matches('[a-c]+')", True),
        ("'abcd'.matches('[a-c]+')", False),
        ("'a'.concat('b')", "ab"),
        ("'ab'.repeat(2)", "abab"),
        ("'a'.equals('a')", True),
        ("'a'.equalsIgnoreCase('A')", True),
        ("'a'.equalsIgnoreCase(1)", False),
        ("{'a': 1}.get('a')", 1),
        ("{'a': 1}.get('b')", None),
        ("[5].get(0)", 5),
        ("{}.getOrDefault('a', 2)", 2),
        ("{'a': 1}.getOrDefault('a', 2)", 1),
        ("{'a': 1}.containsKey('a')", True),
        ("1.5.toString()", "1.5"),
        ("{'a': 1}.keySet()", ["a"]),
        ("{'a': 1}.values()", [1]),
        ("null.trim()", None),
        ("'a b'.trim().split(' ')[1].toUpperCase()", "B"),
    ],
)
def test_method(source: str, expected: Any) -> None:
    assert (
        evaluate(f"{{{{ ({source.split('.', maxsplit=1)[0]}).{source.split('.', 1)[1]} }}}}" if source[0] == "{" else f"{{{{ {source} }}}}")
        == expected
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("x.trim()", "is a method of a text, not of a number"),
        ("x.size()", "is a method of a list or map, not of a number"),
        ("x.isEmpty()", "`isEmpty`:"),
        ("x.keySet()", "is a method of a map, not of a number"),
        ("x.values()", "is a method of a map, not of a number"),
        ("[1].get(3)", "the index 3 is outside"),
        ("'abc'.substring(5)", "the index 5 is outside 0 to 3"),
        ("'abc'.substring(2, 1)", "can not cut from 2 to 1"),
        ("'abc'.charAt(3)", "`charAt`:"),
        ("'a'.repeat(-1)", "the count is an int from 0 on"),
        ("'a'.indexOf(1)", "`indexOf`:"),
    ],
)
def test_a_method_on_the_wrong_value(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(f"{{{{ {source} }}}}", x=1)
    assert message in str(raised.value)
