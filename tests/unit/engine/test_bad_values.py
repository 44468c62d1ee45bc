"""Values that are not what a task wants: the task fails, its log says what would be right, and nothing else happens."""

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import Label
from kestra_stream.models.state import S
from tests.unit.engine.laws import ALL
from tests.unit.engine.nasty import CHILD, FLOW, LOG
from tests.unit.engine.world import Life, World

UPDATE = "io.kestra.plugin.core.execution"


def run(task: str, **answers: object) -> tuple[World, Life]:
    world = World(f"id: main\nnamespace: t.t\nvariables: {{v: 1}}\ntasks:\n  - {task}\n", CHILD, laws=ALL)
    world.answers.update(answers)
    life = world.create("main")
    world.settle()
    return world, life


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (f"{{id: t, type: {UPDATE}.Labels, labels: 'no json'}}", "labels must be a map or a list"),
        (f"{{id: t, type: {UPDATE}.Labels, labels: '7'}}", "labels must be a map or a list"),
        (f"{{id: t, type: {UPDATE}.Labels, labels: '{{\"a\": [1]}}'}}", "must be text, a number or a boolean, not list"),
        (f"{{id: t, type: {UPDATE}.Labels, labels: {{system.a: b}}}}", "belongs to the engine"),
        (f"{{id: t, type: {UPDATE}.SetVariables, variables: 'no json'}}", "variables must be a map"),
        (f"{{id: t, type: {UPDATE}.SetVariables, variables: '[1]'}}", "variables must be a map"),
        (f"{{id: t, type: {UPDATE}.SetVariables, variables: {{v: 2}}, overwrite: false}}", "the variable `v` exists"),
        (f"{{id: t, type: {UPDATE}.UnsetVariables, variables: '[no json'}}", "variables must be a list of names"),
        (f"{{id: t, type: {UPDATE}.UnsetVariables, variables: [w]}}", "there is no variable `w`"),
        (f"{{id: t, type: {UPDATE}.Exit, state: '{{{{ \"SOON\" }}}}'}}", "an execution can not end as `SOON`"),
        (f"{{id: t, type: {FLOW}.ForEach, values: '{{{{ 5 }}}}', tasks: [{{id: x, {LOG}}}]}}", "must be a list, but are int"),
        (f"{{id: t, type: {FLOW}.ForEach, values: 'no json', tasks: [{{id: x, {LOG}}}]}}", "must be a JSON list"),
        (f"{{id: t, type: {FLOW}.ForEach, values: ['{{{{ null }}}}'], tasks: [{{id: x, {LOG}}}]}}", "is null"),
        (f"{{id: t, type: {FLOW}.Pause, pauseDuration: '{{{{ \"soon\" }}}}'}}", "soon"),
        (f"{{id: t, type: {FLOW}.Pause, pauseDuration: PT1S, behavior: '{{{{ \"SLEEP\" }}}}'}}", "no behavior of a Pause"),
        (f"{{id: t, type: {FLOW}.Subflow, namespace: t.t, flowId: child, scheduleDate: '{{{{ \"soon\" }}}}'}}", "scheduleDate must be a date"),
        (f"{{id: t, type: {FLOW}.Switch, value: '{{{{ kv(\"k\") }}}}', cases: {{a: [{{id: x, {LOG}}}]}}}}", "the store is gone"),
    ],
)  # fmt: skip
def test_the_task_fails_with_what_would_be_right(task: str, message: str) -> None:
    world, life = run(task, kv=ValueError("the store is gone"))
    assert life.head.state.current is S.FAILED
    assert life.states() == {"t": ["FAILED"]}
    assert [entry.message for entry in world.logs if message in entry.message] != []


@pytest.mark.parametrize(
    ("labels", "text"),
    [("{a: 1, b: 1.5, c: true, d: false, e: text}", "1 1.5 true false text"), ("'null'", ""), ("[{key: a, value: x}]", "x")],
)
def test_numbers_and_booleans_of_labels_become_text(labels: str, text: str) -> None:
    _, life = run(f"{{id: t, type: {UPDATE}.Labels, labels: {labels}}}")
    own = [label.value for label in life.head.labels if not label.key.startswith("system.")]
    assert (life.head.state.current, " ".join(own)) == (S.SUCCESS, text)


def test_variables_may_come_as_json_text() -> None:
    _, life = run(f'{{id: t, type: {UPDATE}.SetVariables, variables: \'{{"a": {{"b": 1}}}}\'}}')
    assert life.head.variables == {"a": {"b": 1}}


def test_a_child_keeps_the_correlation_of_an_execution_whose_labels_were_replaced() -> None:
    call = f"{{id: t, type: {FLOW}.Subflow, namespace: t.t, flowId: child}}"
    world = World(f"id: main\nnamespace: t.t\ntasks:\n  - {{id: a, {LOG}}}\n  - {call}\n", CHILD, laws=ALL)
    world.create("main")
    world.deliver("e", i.SetLabels((Label("only", "this"),)))
    world.settle()
    (child,) = [life for life in world.lives.values() if life.head.flow_id == "child"]
    assert Label("system.correlationId", "e") in child.head.labels


OUTPUTS = f"""
id: main
namespace: t.t
tasks:
  - {{id: a, {LOG}}}
outputs:
  - %s
"""


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("{id: o, type: SECRET, value: x}", "needs the server's encryption key"),
        ("{id: o, type: STRING, value: '{{ null }}'}", "is required, but is null"),
        ("{id: o, type: STRING, value: '{{ kv(\"k\") }}'}", "the store is gone"),
    ],
)
def test_outputs_that_do_not_render_fail_the_execution(output: str, message: str) -> None:
    world = World(OUTPUTS % output, laws=ALL)
    world.answers["kv"] = ValueError("the store is gone")
    life = world.create("main")
    world.settle()
    assert life.head.state.current is S.FAILED
    assert [entry.message for entry in world.logs if message in entry.message] != []
