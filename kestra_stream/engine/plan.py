"""A flow made ready to run: one node a task, with its place, its branches and the expressions that the engine itself evaluates."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from enum import StrEnum

from kestra_stream.engine.vault import NoVault, Vault
from kestra_stream.expression import Reference, Template, compile_template, functions_of, references_of
from kestra_stream.models import behaviour as b
from kestra_stream.models.behaviour import Behaviour
from kestra_stream.models.flow import Flow
from kestra_stream.models.retry import Retry
from kestra_stream.models.task import FlowableTask, Task

ROOT = ""
MOST_LOOP_VALUES = 500_000
WHOLE_CONTEXT: Reference = ("*",)


class Section(StrEnum):
    """Which branch of a flowable a task stands in; LISTENERS and AFTER exist at the root only."""

    MAIN = "main"
    ERRORS = "errors"
    FINALLY = "finally"
    AFTER = "afterExecution"
    ON_PAUSE = "onPause"


class Node:
    """One task of a plan (the root has none). Built once a flow revision and shared by all its executions.

    Attributes:
        index: place among the enabled tasks of the same branch.
        order: place in the document.
        branches: enabled children by branch: a `Section`, `then`/`else`, or `case:KEY`.
        retry: the task's own policy, else the nearest ancestor's, else the flow's.
        is_after: whether the task runs after the end of the execution.
        is_in_loop: whether a LoopUntil around it drops and repeats its runs.
        waits_for: ids of enabled siblings that a Dag child waits for.
        blocks: siblings that wait for this one.
    """

    __slots__ = (
        "_references",
        "behaviour",
        "blocks",
        "branches",
        "id",
        "index",
        "is_after",
        "is_in_loop",
        "listener",
        "order",
        "parent",
        "retry",
        "run_if",
        "section",
        "task",
        "waits_for",
    )

    def __init__(self, task: Task | None, parent: "Node | None", section: Section, index: int, behaviour: Behaviour) -> None:
        self.task = task
        self.id = task.id if task is not None else ROOT
        self.parent = parent
        self.section = section
        self.index = index
        self.behaviour = behaviour
        self.branches: dict[str, tuple[Node, ...]] = {}
        self.retry: Retry | None = None
        self.is_after: bool = section is Section.AFTER or (parent is not None and parent.is_after)
        self.is_in_loop: bool = parent is not None and (parent.is_in_loop or isinstance(parent.behaviour, b.LoopUntil))
        self.run_if: Template | None = None
        self.waits_for: tuple[str, ...] = ()
        self.blocks: tuple[Node, ...] = ()
        self.listener: int | None = None
        self.order = 0
        self._references: frozenset[Reference] | None = None

    def children(self, branch: str) -> "tuple[Node, ...]":
        """Return the enabled tasks of a branch; empty when there is no such branch."""
        return self.branches.get(branch, ())

    @property
    def is_flowable(self) -> bool:
        """Whether runs of the task have child runs that the engine creates; such runs have no attempts."""
        match self.behaviour:
            case b.Sequence() | b.Parallel() | b.Dag() | b.ForEach() | b.If() | b.Switch() | b.LoopUntil():
                return True
            case b.Pause(tasks=tasks):
                return bool(tasks)
            case _:
                return False

    @property
    def is_group(self) -> bool:
        """Whether the engine runs branches of the task, if only those for errors and the end of what a worker runs in one directory."""
        return self.is_flowable or isinstance(self.behaviour, b.Run)

    @property
    def type_name(self) -> str:
        """The task's type as the flow names it."""
        return self.task.type if self.task is not None else ""

    @property
    def references(self) -> frozenset[Reference]:
        """Context names that the task's expressions need, children of a WorkingDirectory included."""
        if self._references is None:
            assert self.task is not None  # noqa: S101 - the root is never dispatched
            document = self.task.model_dump(by_alias=True)
            found = references_of(document)
            self._references = frozenset({WHOLE_CONTEXT}) if getattr(self.task, "needs_whole_context", False) else found
        return self._references


@dataclass(frozen=True, slots=True)
class Server:
    """What the server that decides shows to every flow.

    Attributes:
        roots: `envs`, `globals` and `kestra` of expressions.
        zone: the zone of dates that name none.
        recursive: render results again until nothing changes.
        most_loop_values: how many values a loop may go through.
        work_time: seconds that the thread has computed, for the time that an expression may take.
    """

    roots: Mapping[str, object] = field(default_factory=lambda: {"envs": {}, "globals": {}, "kestra": {}})
    zone: tzinfo = UTC
    recursive: bool = False
    most_loop_values: int = MOST_LOOP_VALUES
    work_time: Callable[[], float] | None = None


class Plan:
    """A flow and its nodes.

    Attributes:
        vault: opens what was sealed.
        server: what the server shows to every flow.
        nodes: by task id; ids are unique in a flow.
        uses_task_states: whether any expression names `tasks`, so that their states must be kept at hand.
    """

    __slots__ = ("flow", "nodes", "root", "server", "uses_task_states", "vault")

    def __init__(self, flow: Flow, vault: Vault | None = None, server: Server | None = None) -> None:
        self.flow = flow
        self.vault: Vault = vault or NoVault()
        self.server = server or Server()
        self.nodes: dict[str, Node] = {}
        self.root = Node(None, None, Section.MAIN, 0, b.Sequence(flow.tasks))
        self.root.retry = flow.retry
        self._add(self.root, Section.MAIN, Section.MAIN, flow.tasks)
        self._add(self.root, Section.ERRORS, Section.ERRORS, flow.errors)
        self._add(self.root, Section.FINALLY, Section.FINALLY, flow.finally_)
        after: list[tuple[Task, int | None]] = [(task, None) for task in flow.after_execution]
        after += [(task, place) for place, listener in enumerate(flow.listeners) for task in listener.tasks]
        self._add(self.root, Section.AFTER, Section.AFTER, tuple(task for task, _ in after))
        listeners = {task.id: place for task, place in after}
        for node in self.root.children(Section.AFTER):
            node.listener = listeners[node.id]
        document = flow.model_dump(by_alias=True, exclude={"triggers"})
        used = {reference[0] for reference in references_of(document)}
        self.uses_task_states = bool(used & {"tasks", "*"}) or "tasksWithState" in functions_of(document)

    def _add(self, parent: Node, branch: str, section: Section, tasks: tuple[Task, ...]) -> None:
        nodes: list[Node] = []
        for task in tasks:
            if task.disabled:
                continue
            node = Node(task, parent, section, len(nodes), task.behaviour())
            node.retry = task.retry or parent.retry
            run_if = str(task.run_if).lower() if isinstance(task.run_if, bool) else task.run_if
            node.run_if = None if run_if == "true" else compile_template(run_if)
            node.order = len(self.nodes)
            self.nodes[task.id] = node
            nodes.append(node)
            for name, children in _branches(node.behaviour):
                self._add(node, name, Section.ON_PAUSE if name == Section.ON_PAUSE else Section.MAIN, children)
            if isinstance(node.behaviour, b.Dag):
                _link(node, node.behaviour.depends_on)
            if isinstance(task, FlowableTask):
                self._add(node, Section.ERRORS, Section.ERRORS, task.errors)
                self._add(node, Section.FINALLY, Section.FINALLY, task.finally_)
        parent.branches[branch] = tuple(nodes)


def _branches(behaviour: Behaviour) -> Iterator[tuple[str, tuple[Task, ...]]]:
    match behaviour:
        case b.If():
            yield "then", behaviour.then
            yield "else", behaviour.otherwise
        case b.Switch():
            for key, tasks in behaviour.cases.items():
                yield f"case:{key}", tasks
            yield "defaults", behaviour.defaults or ()
        case b.Pause():
            yield Section.MAIN, behaviour.tasks
            if behaviour.on_pause is not None:
                yield Section.ON_PAUSE, (behaviour.on_pause,)
        case b.Run() | b.Sequence() | b.Parallel() | b.Dag() | b.ForEach() | b.LoopUntil():
            yield Section.MAIN, behaviour.tasks
        case _:
            return


def _link(dag: Node, depends_on: Mapping[str, tuple[str, ...]]) -> None:
    """Note who waits for whom; a disabled dependency counts as met."""
    children = dag.children(Section.MAIN)
    enabled = {child.id for child in children}
    for child in children:
        child.waits_for = tuple(name for name in dict.fromkeys(depends_on.get(child.id, ())) if name in enabled)
    blocked: dict[str, list[Node]] = {}
    for child in children:
        for name in child.waits_for:
            blocked.setdefault(name, []).append(child)
    for child in children:
        child.blocks = tuple(blocked.get(child.id, ()))
