"""Drawing: the graph of a flow as Mermaid, Graphviz or JSON."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict

from kestra_stream.cli.terminal.output import json_text
from kestra_stream.engine.graph import Graph, GraphEdge, GraphNode, NodeKind
from kestra_stream.errors import Invalid


def drawn(graph: Graph, style: str) -> str:
    """Draw a graph as `mermaid`, `dot` or `json`. Raises Invalid for another style."""
    match style:
        case "mermaid":
            return "".join(f"{line}\n" for line in _mermaid(graph))
        case "dot":
            return "".join(f"{line}\n" for line in _dot(graph))
        case "json":
            return json_text({"flowId": graph.flow_id, "nodes": list(map(asdict, graph.nodes)), "edges": list(map(asdict, graph.edges))})
        case _:
            raise Invalid(f"-o {style}: it must be mermaid, dot or json")


def _inside(graph: Graph) -> Mapping[str, list[GraphNode]]:
    """Return the nodes of each cluster."""
    clusters: dict[str, list[GraphNode]] = {"": []}
    for node in graph.nodes:
        clusters.setdefault(node.cluster, []).append(node)
    return clusters


def _short(node: GraphNode) -> str:
    return node.type.rpartition(".")[2]


# -- Mermaid ---------------------------------------------------------------------------------------------------------

_SHAPES = {NodeKind.TASK: ("[", "]"), NodeKind.TRIGGER: ("([", "])"), NodeKind.FLOW: ("[[", "]]")}


def _mermaid(graph: Graph) -> Iterator[str]:
    # Names of Mermaid are numbers: a task may be called `end`, and a value may hold any sign.
    numbers = {node.id: f"n{place}" for place, node in enumerate(graph.nodes)}
    clusters = _inside(graph)
    yield "flowchart TD"
    yield from _mermaid_cluster(clusters, "", numbers, "  ")
    for edge in graph.edges:
        arrow = "-.->" if edge.aside else "-->"
        label = f'|"{_mermaid_text(edge.label)}"|' if edge.label else ""
        yield f"  {numbers[edge.source]} {arrow}{label} {numbers[edge.target]}"


def _mermaid_cluster(clusters: Mapping[str, list[GraphNode]], name: str, numbers: Mapping[str, str], indent: str) -> Iterator[str]:
    for node in clusters[name]:
        left, right = _SHAPES[node.kind]
        yield f'{indent}{numbers[node.id]}{left}"{_mermaid_text(node.name)}<br/>{_mermaid_text(_short(node))}"{right}'
        if node.id in clusters:
            yield f'{indent}subgraph in_{numbers[node.id]} ["{_mermaid_text(node.name)}"]'
            yield from _mermaid_cluster(clusters, node.id, numbers, indent + "  ")
            yield f"{indent}end"


def _mermaid_text(text: str) -> str:
    """Write a text as Mermaid reads it inside of quotation marks: signs by their numbers."""
    return "".join(letter if letter.isalnum() or letter in " ._-" else f"#{ord(letter)};" for letter in " ".join(text.split()))


# -- Graphviz --------------------------------------------------------------------------------------------------------

_DOT_SHAPES = {NodeKind.TASK: "box", NodeKind.TRIGGER: "ellipse", NodeKind.FLOW: "component"}


def _dot(graph: Graph) -> Iterator[str]:
    yield f"digraph {_quoted(graph.flow_id)} {{"
    yield "  node [shape=box];"
    yield from _dot_cluster(_inside(graph), "", "  ")
    for edge in graph.edges:
        yield f"  {_quoted(edge.source)} -> {_quoted(edge.target)}{_dot_edge(edge)};"
    yield "}"


def _dot_cluster(clusters: Mapping[str, list[GraphNode]], name: str, indent: str) -> Iterator[str]:
    for node in clusters[name]:
        label = _quoted(f"{node.name}\n{_short(node)}")
        yield f"{indent}{_quoted(node.id)} [label={label}, shape={_DOT_SHAPES[node.kind]}];"
        if node.id in clusters:
            yield f"{indent}subgraph {_quoted(f'cluster_{node.id}')} {{"
            yield f"{indent}  label={_quoted(node.name)};"
            yield from _dot_cluster(clusters, node.id, indent + "  ")
            yield f"{indent}}}"


def _dot_edge(edge: GraphEdge) -> str:
    attributes = [f"label={_quoted(edge.label)}"] if edge.label else []
    attributes += ["style=dashed"] if edge.aside else []
    return f" [{', '.join(attributes)}]" if attributes else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
