"""The graph of a flow: every task once, in the place where it runs, with the edges that lead to it."""

import pytest

from kestra_stream.engine.graph import Graph, NodeKind, flow_graph
from kestra_stream.plugin.flow_source import parse_flow


def task(name: str, more: str = "") -> str:
    return f"{{id: {name}, type: io.kestra.plugin.core.debug.Return, format: x{more}}}"


def graph(text: str) -> Graph:
    return flow_graph(parse_flow(f"id: f\nnamespace: tests\n{text}"))


def edges(drawn: Graph) -> set[tuple[str, str, str, bool]]:
    return {(edge.source, edge.target, edge.label, edge.aside) for edge in drawn.edges}


def clusters(drawn: Graph) -> dict[str, str]:
    return {node.id: node.cluster for node in drawn.nodes}


def test_tasks_follow_each_other_and_disabled_ones_are_left_out() -> None:
    drawn = graph(f"tasks: [{task('a')}, {task('b', ', disabled: true')}, {task('c')}]")
    assert edges(drawn) == {("a", "c", "", False)}


def test_branches_of_the_flow_hang_aside_of_its_end() -> None:
    drawn = graph(f"tasks: [{task('a')}]\nerrors: [{task('e')}]\nfinally: [{task('f')}]\nafterExecution: [{task('z')}]")
    assert edges(drawn) == {
        ("a", "e", "errors", True),
        ("a", "f", "finally", True),
        ("e", "f", "finally", True),
        ("f", "z", "afterExecution", True),
    }


def test_errors_lead_nowhere_without_finally() -> None:
    assert edges(graph(f"tasks: [{task('a')}]\nerrors: [{task('e')}]")) == {("a", "e", "errors", True)}


def test_listeners_follow_the_end() -> None:
    drawn = graph(f"tasks: [{task('a')}]\nlisteners: [{{tasks: [{task('l')}]}}]")
    assert ("a", "l", "listener", True) in edges(drawn)


def test_a_trigger_leads_to_the_first_task_under_a_name_that_no_task_can_have() -> None:
    cron = "type: io.kestra.plugin.core.trigger.Schedule, cron: '0 9 * * *'"
    drawn = graph(f"tasks: [{task('a')}]\ntriggers: [{{id: a, {cron}}}, {{id: b, disabled: true, {cron}}}]")
    assert edges(drawn) == {("triggers.a", "a", "", True)}
    assert [node.id for node in drawn.nodes if node.kind is NodeKind.TRIGGER] == ["triggers.a"]


def test_a_trigger_of_a_flow_without_enabled_tasks_stands_alone() -> None:
    drawn = graph(
        f"tasks: [{task('a', ', disabled: true')}]\ntriggers: [{{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '0 9 * * *'}}]"
    )
    assert drawn.edges == []


def test_a_called_flow_is_a_node_shared_by_all_who_call_it() -> None:
    call = "type: io.kestra.plugin.core.flow.Subflow, namespace: other, flowId: g"
    drawn = graph(f"tasks: [{{id: a, {call}}}, {{id: b, {call}}}]")
    assert edges(drawn) == {("a", "b", "", False), ("a", "flows.other.g", "calls", True), ("b", "flows.other.g", "calls", True)}
    assert [node.name for node in drawn.nodes if node.kind is NodeKind.FLOW] == ["other.g"]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        (f"type: io.kestra.plugin.core.flow.Sequential, tasks: [{task('a')}, {task('b')}]", {("t", "a", ""), ("a", "b", "")}),
        (f"type: io.kestra.plugin.core.flow.Parallel, tasks: [{task('a')}, {task('b')}]", {("t", "a", ""), ("t", "b", "")}),
        (f"type: io.kestra.plugin.core.flow.ForEach, values: [1], tasks: [{task('a')}, {task('b')}]", {("t", "a", ""), ("a", "b", "")}),
        (
            f"type: io.kestra.plugin.core.flow.EachParallel, value: '[1]', tasks: [{task('a')}, {task('b')}]",
            {("t", "a", ""), ("t", "b", "")},
        ),
        (
            f"type: io.kestra.plugin.core.flow.If, condition: 'true', then: [{task('a')}], else: [{task('b')}]",
            {("t", "a", "then"), ("t", "b", "else")},
        ),
        (
            f"type: io.kestra.plugin.core.flow.Switch, value: x, cases: {{v: [{task('a')}]}}, defaults: [{task('b')}]",
            {("t", "a", "v"), ("t", "b", "defaults")},
        ),
        (f"type: io.kestra.plugin.core.flow.LoopUntil, condition: 'true', tasks: [{task('a')}]", {("t", "a", "")}),
        (f"type: io.kestra.plugin.core.flow.WorkingDirectory, tasks: [{task('a')}]", {("t", "a", "")}),
        (f"type: io.kestra.plugin.core.flow.Pause, onPause: {task('a')}", {("t", "a", "onPause")}),
        (f"type: io.kestra.plugin.core.flow.Pause, tasks: [{task('a')}]", {("t", "a", "")}),
        (
            f"type: io.kestra.plugin.core.flow.Dag, tasks: [{{task: {task('a')}}}, {{task: {task('b')}, dependsOn: [a]}}]",
            {("t", "a", ""), ("a", "b", "")},
        ),
        (
            f"type: io.kestra.plugin.core.flow.Sequential, tasks: [{task('a')}], errors: [{task('b')}], finally: [{task('c')}]",
            {("t", "a", ""), ("t", "b", "errors"), ("t", "c", "finally")},
        ),
    ],
)
def test_children_hang_below_their_flowable(properties: str, expected: set[tuple[str, str, str]]) -> None:
    drawn = graph(f"tasks: [{{id: t, {properties}}}]")
    assert {edge[:3] for edge in edges(drawn)} == expected
    assert {inside for name, inside in clusters(drawn).items() if name != "t"} == {"t"}
