"""io.kestra.plugin.core.flow.Dag: tasks as soon as what they depend on has ended."""

from typing import ClassVar

from pydantic import Field, field_validator

from kestra_stream.models.behaviour import Dag as Graph
from kestra_stream.models.document_model import Steps, Written, misplaced
from kestra_stream.models.sentences import suggestion
from kestra_stream.models.task import AnyTask, FlowableTask


class DagTask(Written):
    """One task of the graph and the ids of the siblings that it waits for."""

    task: AnyTask = Field(description="The task.")
    depends_on: tuple[str, ...] = Field(default=(), description="Ids of siblings that must have ended.")


class Dag(FlowableTask):
    """Run tasks in the order of their dependencies, as many at once as these allow."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Dag"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Dag",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: graph
        type: io.kestra.plugin.core.flow.Dag
        tasks:
          - task:
              id: load
              type: io.kestra.plugin.core.log.Log
              message: load
          - task:
              id: report
              type: io.kestra.plugin.core.log.Log
              message: report
            dependsOn: [load]
        """,
    )

    tasks: tuple[DagTask, ...] = Field(min_length=1, description="The tasks with what each depends on.")
    concurrent: int = Field(default=0, ge=0, description="How many run at once; 0 for all.")

    @field_validator("tasks")
    @classmethod
    def _dependencies_exist_and_end(cls, tasks: tuple[DagTask, ...]) -> tuple[DagTask, ...]:
        waits = {entry.task.id: entry.depends_on for entry in tasks}
        faults: list[tuple[str, Steps]] = [
            (
                f"task `{entry.task.id}` depends on `{name}`, which is not a task of this Dag{suggestion(name, list(waits))}",
                (number, "dependsOn", place),
            )
            for number, entry in enumerate(tasks)
            for place, name in enumerate(entry.depends_on)
            if name not in waits
        ]
        known = {task_id: tuple(name for name in names if name in waits) for task_id, names in waits.items()}
        cycle = _cycle(known)
        if cycle:
            faults.append((f"cyclic dependency: {' -> '.join(cycle)}", (list(waits).index(cycle[0]), "dependsOn")))
        if faults:
            raise misplaced(*faults)
        return tasks

    def behaviour(self) -> Graph:
        return Graph(tuple(entry.task for entry in self.tasks), {entry.task.id: entry.depends_on for entry in self.tasks}, self.concurrent)


def _cycle(waits: dict[str, tuple[str, ...]]) -> list[str]:
    """Return the ids along a cycle, its first repeated at the end; empty when there is none."""
    done: set[str] = set()
    for start, first in waits.items():
        path: list[str] = []
        stack = [(start, iter(first))] if start not in done else []
        while stack:
            name, names = stack[-1]
            if name not in path:
                path.append(name)
            following = next(names, None)
            if following is None:
                done.add(name)
                path.pop()
                stack.pop()
            elif following in path:
                return [*path[path.index(following) :], following]
            elif following not in done:
                stack.append((following, iter(waits[following])))
    return []
