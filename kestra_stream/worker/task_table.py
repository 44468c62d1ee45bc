"""Finds the task of a job: (tenant, namespace, flow, revision, task id) -> Task."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock

from kestra_stream.errors import NotFound
from kestra_stream.models.behaviour import CallFlow, Exit, If, Pause, SetLabels, SetVariables, Switch, Tasks, UnsetVariables
from kestra_stream.models.flow import Flow
from kestra_stream.models.task import FlowableTask, Task

FlowLookup = Callable[[str, str, str, int], Flow | None]
"""(tenant, namespace, flow id, revision) -> the flow; None when there is none."""
_KEPT = 1000


class TaskTable:
    """Keeps the tasks of the flows that were asked for last. Thread-safe."""

    def __init__(self, flows: FlowLookup) -> None:
        self._flows = flows
        self._known: OrderedDict[int, tuple[Flow, dict[str, Task]]] = OrderedDict()
        self._lock = Lock()

    def find(self, tenant: str, namespace: str, flow_id: str, revision: int, task_id: str) -> Task:
        """Return the task.

        Raises:
            NotFound: no such flow, or no such task in it.
        """
        flow = self._flows(tenant, namespace, flow_id, revision)
        if flow is None:
            raise NotFound(f"there is no revision {revision} of the flow {namespace}.{flow_id}")
        known = self._known.get(id(flow))
        if known is None or known[0] is not flow:
            known = self._learn(flow)
        task = known[1].get(task_id)
        if task is None:
            raise NotFound(f"there is no task '{task_id}' in revision {revision} of the flow {namespace}.{flow_id}")
        return task

    def _learn(self, flow: Flow) -> tuple[Flow, dict[str, Task]]:
        known = (flow, {task.id: task for task in all_tasks(flow)})
        with self._lock:
            self._known[id(flow)] = known
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return known


def all_tasks(flow: Flow) -> Iterator[Task]:
    """Yield every task of a flow, those of all branches and those that a behaviour brings along."""
    listeners = (task for listener in flow.listeners for task in listener.tasks)
    waiting = [*flow.tasks, *flow.errors, *flow.finally_, *flow.after_execution, *listeners]
    while waiting:
        task = waiting.pop()
        yield task
        waiting.extend(_children(task))


def _children(task: Task) -> Tasks:
    branches: Tasks = (*task.errors, *task.finally_) if isinstance(task, FlowableTask) else ()
    behaviour = task.behaviour()
    match behaviour:
        case If():
            return (*branches, *behaviour.then, *behaviour.otherwise)
        case Switch():
            chosen = tuple(child for case in behaviour.cases.values() for child in case)
            return (*branches, *chosen, *(behaviour.defaults or ()))
        case Pause():
            return (*branches, *behaviour.tasks, *((behaviour.on_pause,) if behaviour.on_pause else ()))
        case CallFlow() | SetLabels() | SetVariables() | UnsetVariables() | Exit():
            return branches
        case _:
            return (*branches, *behaviour.tasks)
