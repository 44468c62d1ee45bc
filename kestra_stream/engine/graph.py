"""The graph of a flow: tasks, triggers and called flows as nodes, order as edges, flowables as clusters."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kestra_stream.models import behaviour as b
from kestra_stream.models.flow import Flow
from kestra_stream.models.task import FlowableTask, Task


class NodeKind(StrEnum):
    """What a node stands for."""

    TASK = "task"
    TRIGGER = "trigger"
    FLOW = "flow"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A task, a trigger, or a flow that a task calls.

    Attributes:
        id: unlike that of any other node: a task's own, `triggers.ID`, or `flows.NAMESPACE.ID`.
        name: what people call it.
        cluster: id of the flowable around a task, empty at the root.
    """

    id: str
    name: str
    type: str
    kind: NodeKind = NodeKind.TASK
    cluster: str = ""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """What comes after what; `label` names a branch, `aside` is true off the main way (errors, triggers, calls and the like)."""

    source: str
    target: str
    label: str = ""
    aside: bool = False


@dataclass(slots=True)
class Graph:
    """Nodes in the order of the flow, and edges."""

    flow_id: str
    nodes: list[GraphNode] = field(default_factory=list)
    edges: list[GraphEdge] = field(default_factory=list)


def flow_graph(flow: Flow) -> Graph:
    """Return the graph of a flow; what is disabled is left out."""
    graph = Graph(flow.id)
    main_ends = _row(graph, flow.tasks, "", [], "")
    error_ends = _row(graph, flow.errors, "", main_ends, "errors")
    finally_ends = _row(graph, flow.finally_, "", main_ends, "finally")
    last = _first(flow.finally_)
    graph.edges += [GraphEdge(end, last, "finally", aside=True) for end in error_ends if last is not None]
    ends = finally_ends or main_ends
    _row(graph, flow.after_execution, "", ends, "afterExecution")
    for listener in flow.listeners:
        _row(graph, listener.tasks, "", ends, "listener")
    first = _first(flow.tasks)
    for trigger in flow.triggers:
        if not trigger.disabled:
            graph.nodes.append(GraphNode(f"triggers.{trigger.id}", trigger.id, trigger.type, NodeKind.TRIGGER))
            graph.edges += [GraphEdge(f"triggers.{trigger.id}", first, aside=True)] if first is not None else []
    return graph


def _first(tasks: Sequence[Task]) -> str | None:
    return next((task.id for task in tasks if not task.disabled), None)


def _row(graph: Graph, tasks: Sequence[Task], cluster: str, before: list[str], label: str) -> list[str]:
    """Add tasks one after the other; return what the last one leaves open, nothing for no tasks."""
    ends: list[str] = []
    for task in tasks:
        if task.disabled:
            continue
        _add(graph, task, cluster)
        graph.edges.extend(GraphEdge(source, task.id, label, aside=label in _ASIDE) for source in ends or before)
        ends, label = [task.id], ""
    return ends


_ASIDE = frozenset({"errors", "finally", "afterExecution", "listener", "onPause"})


def _add(graph: Graph, task: Task, cluster: str) -> None:
    """Add a task with all that is inside it."""
    behaviour = task.behaviour()
    graph.nodes.append(GraphNode(task.id, task.id, task.type, cluster=cluster))
    for label, tasks, side_by_side in _branches(behaviour):
        for row in [(child,) for child in tasks] if side_by_side else [tasks]:
            _row(graph, row, task.id, [task.id], label)
    if isinstance(behaviour, b.Dag):
        waits = {child: names for child, names in behaviour.depends_on.items() if names}
        graph.edges[:] = [edge for edge in graph.edges if not (edge.source == task.id and edge.target in waits)]
        graph.edges.extend(GraphEdge(name, child) for child, names in waits.items() for name in names)
    if isinstance(behaviour, b.CallFlow):
        _add_call(graph, task.id, f"{behaviour.namespace}.{behaviour.flow_id}")
    if isinstance(task, FlowableTask):
        _row(graph, task.errors, task.id, [task.id], "errors")
        _row(graph, task.finally_, task.id, [task.id], "finally")


def _add_call(graph: Graph, task_id: str, name: str) -> None:
    node = GraphNode(f"flows.{name}", name, "flow", NodeKind.FLOW)
    if node not in graph.nodes:
        graph.nodes.append(node)
    graph.edges.append(GraphEdge(task_id, node.id, "calls", aside=True))


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
        case b.Pause():
            if behaviour.on_pause is not None:
                yield "onPause", (behaviour.on_pause,), False
            yield "", behaviour.tasks, False
        case b.ForEach():
            yield "", behaviour.tasks, not behaviour.in_order
        case b.Run() | b.Sequence() | b.LoopUntil():
            yield "", behaviour.tasks, False
        case _:
            return
