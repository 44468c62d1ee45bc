"""The graph of a flow: tasks as nodes, order as edges, flowables as clusters; drawn as Mermaid, Graphviz or JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field

import orjson

from kestra_stream.errors import Invalid
from kestra_stream.models import behaviour as b
from kestra_stream.models.flow import Flow
from kestra_stream.models.task import FlowableTask, Task


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A task; `cluster` is the id of the flowable around it, empty at the root."""

    id: str
    type: str
    cluster: str


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """What comes after what; `label` names a branch."""

    source: str
    target: str
    label: str = ""


@dataclass(slots=True)
class Graph:
    """Nodes in the order of the flow, and edges."""

    flow_id: str
    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)


def flow_graph(flow: Flow) -> Graph:
    """Return the graph of a flow; disabled tasks are left out."""
    graph = Graph(flow.id)
    main_ends = _row(graph, flow.tasks, "", [], "")
    _row(graph, flow.errors, "", main_ends, "errors")
    finally_ends = _row(graph, flow.finally_, "", main_ends, "finally")
    _row(graph, flow.after_execution, "", finally_ends or main_ends, "afterExecution")
    return graph


def _row(graph: Graph, tasks: Sequence[Task], cluster: str, before: list[str], label: str) -> list[str]:
    """Add tasks one after the other; return what the last one leaves open."""
    ends = before
    for task in tasks:
        if task.disabled:
            continue
        _add(graph, task, cluster)
        graph.edges.extend(GraphEdge(source, task.id, label) for source in ends)
        ends, label = [task.id], ""
    return ends if ends is not before else []


def _add(graph: Graph, task: Task, cluster: str) -> None:
    """Add a task with all that is inside it."""
    graph.nodes.append(GraphNode(task.id, task.type, cluster))
    for label, tasks, side_by_side in _branches(task.behaviour()):
        if side_by_side:
            for child in tasks:
                _row(graph, (child,), task.id, [task.id], label)
        else:
            _row(graph, tasks, task.id, [task.id], label)
    behaviour = task.behaviour()
    if isinstance(behaviour, b.Dag):
        waits = {child: names for child, names in behaviour.depends_on.items() if names}
        graph.edges[:] = [edge for edge in graph.edges if not (edge.source == task.id and edge.target in waits)]
        graph.edges.extend(GraphEdge(name, child) for child, names in waits.items() for name in names)
    if isinstance(task, FlowableTask):
        _row(graph, task.errors, task.id, [task.id], "errors")
        _row(graph, task.finally_, task.id, [task.id], "finally")


def _branches(behaviour: b.Behaviour) -> Iterator[tuple[str, Sequence[Task], bool]]:
    """Yield label, tasks, and whether the tasks start side by side."""
    match behaviour:
        case b.If():
            yield "then", behaviour.then, False
            yield "else", behaviour.otherwise, False
        case b.Switch():
            for value, tasks in behaviour.cases.items():
                yield value, tasks, False
            yield "defaults", behaviour.defaults or (), False
        case b.Parallel() | b.Dag():
            yield "", behaviour.tasks, True
        case b.Run() | b.Sequence() | b.ForEach() | b.LoopUntil() | b.Pause():
            yield "", behaviour.tasks, False
        case _:
            return


def render_graph(graph: Graph, style: str) -> str:
    """Draw a graph as `mermaid`, `dot` or `json`. Raises Invalid for another style."""
    match style:
        case "mermaid":
            return _mermaid(graph)
        case "dot":
            return _dot(graph)
        case "json":
            document = {"flowId": graph.flow_id, "nodes": graph.nodes, "edges": graph.edges}
            return orjson.dumps(document, default=asdict, option=orjson.OPT_INDENT_2).decode()
        case _:
            raise Invalid(f"-o {style}: it must be mermaid, dot or json")


def _name(task_id: str) -> str:
    return "n_" + "".join(letter if letter.isalnum() else f"_{ord(letter)}_" for letter in task_id)


def _short(type_name: str) -> str:
    return type_name.rpartition(".")[2]


def _mermaid(graph: Graph) -> str:
    lines = ["flowchart TD"]
    lines += [f'  {_name(node.id)}["{node.id}<br/>{_short(node.type)}"]' for node in graph.nodes]
    for edge in graph.edges:
        arrow = f"-- {edge.label} -->" if edge.label else "-->"
        lines.append(f"  {_name(edge.source)} {arrow} {_name(edge.target)}")
    clusters: dict[str, list[str]] = {}
    for node in graph.nodes:
        if node.cluster:
            clusters.setdefault(node.cluster, []).append(node.id)
    for cluster, inside in clusters.items():
        lines.append(f"  subgraph c_{_name(cluster)}[{cluster}]")
        lines += [f"    {_name(node_id)}" for node_id in inside]
        lines.append("  end")
    return "\n".join(lines)


def _dot(graph: Graph) -> str:
    lines = [f'digraph "{graph.flow_id}" {{', "  node [shape=box];"]
    lines += [f'  "{node.id}" [label="{node.id}\\n{_short(node.type)}"];' for node in graph.nodes]
    for edge in graph.edges:
        label = f' [label="{edge.label}"]' if edge.label else ""
        lines.append(f'  "{edge.source}" -> "{edge.target}"{label};')
    return "\n".join([*lines, "}"])
