"""Documents, inputs and expressions that are wrong, huge or endless."""

from collections.abc import Mapping
from typing import Any

import pytest

from kestra_stream.errors import Invalid, InvalidFlow, InvalidInputs
from kestra_stream.models.execution_input import Kill
from kestra_stream.models.state import StateType
from tests.bad_input.bench import Bench

pytestmark = pytest.mark.slow

HEAD = "id: bad\nnamespace: tests.bad\n"
TASKS = "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: x}]\n"
ENDLESS = "{% for a in 1..1000 %}{% for b in 1..1000 %}{% for c in 1..1000 %}x{% endfor %}{% endfor %}{% endfor %}"
MILLION = "{{ range(1, 1000000) }}"
RETURN = "type: io.kestra.plugin.core.debug.Return\nformat: "


def laughs(levels: int) -> str:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return HEAD + TASKS + "variables:\n" + "\n".join(f"  {line}" for line in lines)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", "the document is empty"),
        ("- 1", "a flow is a map"),
        ("id: [", "1: not YAML"),
        (HEAD, "tasks"),
        (HEAD + "tasks: []", "tasks"),
        (HEAD + TASKS + "tasks: []", "tasks"),
        (HEAD + "tasks: [{id: a, type: io.kestra.plugin.core.log.Lag, message: x}]", "did you mean io.kestra.plugin.core.log.Log"),
        (HEAD + "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, massage: x}]", "message"),
        (HEAD + "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: '{{ x '}]", "is not closed"),
        (
            HEAD + "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: '{{ " + "(" * 2000 + "1" + ")" * 2000 + " }}'}]",
            "64 levels",
        ),
        (HEAD + TASKS + "variables: " + "[" * 5000 + "]" * 5000, "levels"),
        (HEAD + TASKS + "variables: " + "{a: " * 5000 + "1" + "}" * 5000, "levels"),
        (laughs(40), "grows to more than 300000 values through its anchors"),
        (HEAD + TASKS + "variables: &a {b: *a}", "is used inside of itself"),
    ],
    ids=lambda value: str(value)[:20] if len(str(value)) > 200 else None,
)
def test_a_document_that_is_no_flow_is_refused_at_its_place(bench: Bench, source: str, told: str) -> None:
    with pytest.raises(InvalidFlow) as refused:
        bench.start(source)
    assert told in str(refused.value)[:20_000], str(refused.value)[:500]
    assert len(refused.value.faults) < 20


@pytest.mark.parametrize(
    ("definition", "value", "told"),
    [
        ("{id: i, type: INT}", "many", "i"),
        ("{id: i, type: INT}", None, "i"),
        ("{id: i, type: JSON}", "[" * 100_000, "i"),
        ("{id: i, type: JSON}", {"a": [float("nan")]}, None),
        ("{id: i, type: STRING, validator: '(a|aa)+c'}", "a" * 60, "pattern"),
        ("{id: i, type: STRING, validator: '(('}", "a", "(("),
        ("{id: i, type: FILE}", "/etc/shadow-that-is-not-there", "i"),
        ("{id: i, type: FILE}", "kestra:///tests/../x", "'..'"),
        ("{id: i, type: DATETIME}", "yesterday", "i"),
        ("{id: i, type: ARRAY, itemType: INT}", ["x"], "i"),
    ],
)
def test_an_input_that_does_not_fit_is_named(bench: Bench, definition: str, value: Any, told: str | None) -> None:
    inputs: Mapping[str, Any] = {} if value is None else {"i": value}
    source = f"{HEAD}inputs: [{definition}]\n{TASKS}"
    if told is None:
        assert bench.end(bench.start(source, inputs)).state == "SUCCESS"
        return
    with pytest.raises((InvalidInputs, InvalidFlow)) as refused:
        bench.start(source, inputs)
    assert told in str(refused.value)
    assert isinstance(refused.value, Invalid)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (ENDLESS, "more than 1,000,000 steps"),
        ("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}", "levels of nesting"),
        ("{{ range(1, 1000000000) }}", "items"),
        ("{% set x = 'aaaaaaaaaa' %}{% for a in 1..100 %}{% set x = x ~ x %}{% endfor %}{{ x }}", "characters"),
        ("{{ outputs.nothing.at_all }}", "Unable to find `nothing`"),
        ("{{ 1 / 0 }}", "{{ 1 / 0 }}"),
        ("{{ render('{{ x ') }}", "is not closed"),
        ("{{ fromJson('[[[') }}", "fromJson"),
        ("{{ secret('NOT_THERE') }}", "Cannot find secret for key 'NOT_THERE'"),
    ],
)
def test_an_expression_that_cannot_be_rendered_fails_its_task(bench: Bench, expression: str, told: str) -> None:
    story = bench.end(bench.task(f'{RETURN}"{expression}"'))
    assert (story.state, len(story.errors)) == ("FAILED", 1)
    assert story.errors[0].startswith("bad: ")
    assert told in story.errors[0]


@pytest.mark.parametrize(
    "definition",
    [
        f'{RETURN}x\nrunIf: "{ENDLESS}"',
        f'type: io.kestra.plugin.core.flow.If\ncondition: "{ENDLESS}"\nthen: [{{id: t, {RETURN.replace(chr(10), ", ")}x}}]',
        f'type: io.kestra.plugin.core.flow.ForEach\nvalues: "{ENDLESS}"\ntasks: [{{id: t, {RETURN.replace(chr(10), ", ")}x}}]',
    ],
    ids=["runIf", "If", "ForEach"],
)
def test_an_endless_expression_of_the_engine_fails_its_task(bench: Bench, definition: str) -> None:
    story = bench.end(bench.task(definition))
    assert (story.state, story.run("bad").state.current) == ("FAILED", "FAILED")
    assert "more than 1,000,000 steps" in story.errors[0]


@pytest.mark.parametrize("loop", ["ForEach", "EachParallel", "EachSequential"])
def test_a_million_values_are_too_many(bench: Bench, loop: str) -> None:
    child = f"[{{id: t, {RETURN.replace(chr(10), ', ')}x}}]"
    story = bench.end(bench.task(f'type: io.kestra.plugin.core.flow.{loop}\nvalue{"s" * (loop == "ForEach")}: "{MILLION}"\ntasks: {child}'))
    assert (story.state, [run.task_id for run in story.runs]) == ("FAILED", ["bad"])
    (error,) = story.errors
    assert error == (
        "bad: the loop has 1,000,000 values; the setting `engine.most_loop_values` allows 500,000: "
        "write the values to a file and go through it in batches with a ForEachItem"
    )


def test_many_values_are_begun_and_can_be_killed(bench: Bench) -> None:
    values = "{{ range(1, 400000) }}"
    child = f"[{{id: t, {RETURN.replace(chr(10), ', ')}x}}]"
    execution = bench.task(f'type: io.kestra.plugin.core.flow.ForEach\nvalues: "{values}"\nconcurrencyLimit: 4\ntasks: {child}')
    bench.until(lambda: bench.state_of(execution, "t") is StateType.SUCCESS)
    bench.engine.executions.send(execution, Kill())
    story = bench.end(execution)
    assert story.state == "KILLED"
    assert all(run.state.is_terminal for run in story.runs)
