"""io.kestra.plugin.core.templating.TemplatedTask: a task whose definition is itself a template."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field, ValidationError

from kestra_stream.document.yaml_reader import load_documents
from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.models.task import Plugin
from kestra_stream.plugin.api import Outcome, Outputs, RunContext, RunnableTask, TaskFailed
from kestra_stream.plugin.registry import default_registry


class TemplatedTask(RunnableTask):
    """Render text to the YAML of a task and run that task in place of this one; its outputs become the outputs of this run."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.templating.TemplatedTask"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.templating.TemplatedTask",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: chosen
        type: io.kestra.plugin.core.templating.TemplatedTask
        spec: |
          type: io.kestra.plugin.core.log.Log
          message: "Hello from {{ flow.id }}"
          level: "{{ inputs.level }}"
        """,
    )
    needs_whole_context: ClassVar[bool] = True

    spec: Property[str] = Field(description="YAML of a task that a worker runs; the id may be left out.")

    def run(self, context: RunContext) -> Outputs | Outcome:
        task = task_of(context.render(self.spec), self.id)
        if isinstance(task, TemplatedTask):
            raise TaskFailed("a templated task cannot be templated again")
        return task.run(context)


def task_of(text: str, task_id: str) -> RunnableTask:
    """Parse the YAML of one task.

    Raises:
        TaskFailed: it is not YAML, or not a valid task that a worker runs.
    """
    documents = load_documents(text)
    broken = [str(fault) for document in documents for fault in document.faults]
    if broken:
        raise TaskFailed(f"the rendered spec: {'; '.join(broken)}")
    data = documents[0].data if len(documents) == 1 else None
    if not isinstance(data, dict):
        raise TaskFailed(f"the rendered spec must be one YAML map, the properties of a task: {text[:200]}")
    try:
        task = _resolve({"id": task_id, **data}, RunnableTask)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_url=False))
        raise TaskFailed(f"the rendered spec is no valid {data.get('type')}: {faults}") from None
    if not isinstance(task, RunnableTask):
        raise TaskFailed(f"the rendered spec is of type {data.get('type')}, which no worker runs")
    return task


def _resolve(value: Mapping[str, object], kind: type[Plugin]) -> Plugin:
    """Turn a map into its plugin."""
    name = value.get("type")
    if not isinstance(name, str):
        raise TaskFailed("the rendered spec has no `type`")
    try:
        resolved = default_registry().resolve(name)
    except NotFound as error:
        raise TaskFailed(f"the rendered spec: {error}") from None
    if not issubclass(resolved.cls, kind):
        raise TaskFailed(f"the rendered spec is of type {name}, which cannot stand here")
    return resolved.cls.model_validate(value, context={"resolve": _resolve})
