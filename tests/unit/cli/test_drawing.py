"""A drawing is valid whatever names and values a flow has."""

import json
import re

import pytest

from kestra_stream.cli.drawing import drawn
from kestra_stream.engine.graph import flow_graph
from kestra_stream.errors import Invalid
from kestra_stream.plugin.flow_source import parse_flow

NASTY = r"""
id: nasty
namespace: tests
triggers: [{id: end, type: io.kestra.plugin.core.trigger.Schedule, cron: "0 9 * * *"}]
tasks:
  - id: end
    type: io.kestra.plugin.core.flow.Switch
    value: x
    cases:
      'a"b\ <|> #x]': [{id: graph, type: io.kestra.plugin.core.log.Log, message: x}]
      "line\nbreak": [{id: inner, type: io.kestra.plugin.core.flow.Parallel, tasks: [{id: a-b, type: io.kestra.plugin.core.log.Log, message: x}]}]
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests, flowId: '{{ "c" }}'}
"""
GRAPH = flow_graph(parse_flow(NASTY))

TEXT = r'"[^"<>|\[\]{}\\]*(?:<br/>[^"<>|\[\]{}\\]*)?"'
MERMAID = [
    r"flowchart TD",
    rf"n\d+(\[{TEXT}\]|\(\[{TEXT}\]\)|\[\[{TEXT}\]\])",
    rf"subgraph in_n\d+ \[{TEXT}\]",
    r"end",
    rf"n\d+ (-->|-\.->)(\|{TEXT}\|)? n\d+",
]
QUOTED = r'"(?:[^"\\]|\\.)*"'
DOT = [
    rf"digraph {QUOTED} {{",
    r"node \[shape=box\];",
    rf"{QUOTED} \[label={QUOTED}, shape=\w+\];",
    rf"subgraph {QUOTED} {{",
    rf"label={QUOTED};",
    rf"{QUOTED} -> {QUOTED}( \[(label={QUOTED})?(, )?(style=dashed)?\])?;",
    r"}",
]


@pytest.mark.parametrize(("style", "grammar"), [("mermaid", MERMAID), ("dot", DOT)])
def test_each_line_is_of_the_language(style: str, grammar: list[str]) -> None:
    for line in drawn(GRAPH, style).splitlines():
        assert any(re.fullmatch(rule, line.strip()) for rule in grammar), line


@pytest.mark.parametrize(("style", "opens", "closes"), [("mermaid", "subgraph", "end"), ("dot", "{", "}")])
def test_clusters_are_closed(style: str, opens: str, closes: str) -> None:
    words = [line.strip() for line in drawn(GRAPH, style).splitlines()]
    opened = sum(line.startswith(opens) or line.endswith(opens) for line in words)
    assert opened == words.count(closes) > 1


def test_json_names_nodes_and_edges() -> None:
    document = json.loads(drawn(GRAPH, "json"))
    assert document["flowId"] == "nasty"
    names = {node["id"] for node in document["nodes"]}
    assert {"end", "triggers.end", "a-b", 'flows.tests.{{ "c" }}'} <= names
    assert all(edge["source"] in names and edge["target"] in names for edge in document["edges"])


def test_another_style_is_refused() -> None:
    with pytest.raises(Invalid, match="mermaid, dot or json"):
        drawn(GRAPH, "svg")
