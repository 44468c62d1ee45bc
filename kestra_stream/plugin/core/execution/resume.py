"""io.kestra.plugin.core.execution.Resume: let a paused execution go on."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from kestra_stream.engine.inputs import resolve_inputs
from kestra_stream.engine.plan import Plan
from kestra_stream.models import execution_input
from kestra_stream.models.behaviour import Pause
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.property import Property
from kestra_stream.models.state import StateType
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskFailed
from kestra_stream.plugin.flow_source import parse_flow


class Resume(RunnableTask):
    """Resume a paused execution of this flow, or of another one; values for its `onResume` are checked first."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.Resume"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Resume",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: approve
        type: io.kestra.plugin.core.execution.Resume
        executionId: "{{ inputs.execution }}"
        inputs:
          approved: true
        """,
    )

    execution_id: Property[str] = Field(description="The execution.")
    namespace: Property[str] | None = Field(default=None, description="Namespace that it must be of; needed with flowId.")
    flow_id: Property[str] | None = Field(default=None, description="Flow that it must be of; needed with namespace.")
    inputs: Property[dict[str, Any]] = Field(default=Property.of({}, dict[str, Any]), description="Values for onResume.")

    @model_validator(mode="after")
    def _flow_is_whole(self) -> "Resume":
        if (self.flow_id is None) != (self.namespace is None):
            raise ValueError("`namespace` and `flowId` go together")
        return self

    def run(self, context: RunContext) -> None:
        head = self._execution(context)
        runs = context.engine.repository.executions.task_runs(head.id)
        paused = next((run for run in runs if run.state.current is StateType.PAUSED), None)
        values = self._values(context, head, paused) if paused is not None else {}
        by = context.info.execution_id
        context.engine.command(head.id, execution_input.Resume(values, paused.id if paused is not None else None, by))

    def _execution(self, context: RunContext) -> Execution:
        execution_id = context.render(self.execution_id)
        head = context.engine.repository.executions.get(execution_id)
        if head is None or head.tenant_id != context.info.tenant_id:
            raise TaskFailed(f"there is no execution {execution_id}")
        if self.namespace is not None and self.flow_id is not None:
            wanted = (context.render(self.namespace), context.render(self.flow_id))
            if (head.namespace, head.flow_id) != wanted:
                raise TaskFailed(f"the execution {execution_id} is of the flow {head.namespace}.{head.flow_id}, not {'.'.join(wanted)}")
        if head.state.current is not StateType.PAUSED:
            raise TaskFailed(f"the execution {execution_id} is {head.state.current.value}, not PAUSED")
        return head

    def _values(self, context: RunContext, head: Execution, paused: TaskRun) -> Mapping[str, Any]:
        source = context.engine.repository.flows.get(head.tenant_id, head.namespace, head.flow_id, head.flow_revision)
        node = Plan(parse_flow(source.source)).nodes.get(paused.task_id) if source is not None else None
        if node is None or not isinstance(node.behaviour, Pause) or not node.behaviour.on_resume:
            return {}
        given = context.render_typed(self.inputs)
        return resolve_inputs(node.behaviour.on_resume, given, context.render_typed, encrypt=context.encrypt).values
