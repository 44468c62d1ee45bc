"""io.kestra.plugin.core.flow.Subflow: an execution of another flow."""

from enum import StrEnum
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from kestra_stream.models.behaviour import CallFlow
from kestra_stream.models.property import Property
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import TaskOutput
from kestra_stream.plugin.core.labels import GivenLabels


class RestartBehavior(StrEnum):
    """What a restart of the parent does to a child that failed."""

    RETRY_FAILED = "RETRY_FAILED"
    NEW_EXECUTION = "NEW_EXECUTION"


class SubflowOutput(TaskOutput):
    """The child."""

    execution_id: str = Field(description="Its id.")
    state: str = Field(description="How it ended, when it was waited for.")
    outputs: dict[str, Any] = Field(description="Its flow outputs, when it was waited for.")


class Subflow(Task):
    """Create an execution of another flow and, unless told otherwise, wait for its end.

    Outputs: `executionId`, `state` and `outputs` (the flow outputs of the child).
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Subflow"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.tasks.flows.Subflow",
        "io.kestra.core.tasks.flows.Flow",
        "io.kestra.plugin.core.flow.Flow",
    )
    output_type: ClassVar[type[BaseModel] | None] = SubflowOutput
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: child
        type: io.kestra.plugin.core.flow.Subflow
        namespace: company.team
        flowId: other
        inputs:
          name: "{{ inputs.name }}"
        """,
    )

    namespace: str = Field(description="Namespace of the flow.")
    flow_id: str = Field(description="Id of the flow.")
    revision: int | None = Field(default=None, ge=1, description="Revision; the newest by default.")
    inputs: dict[str, Any] = Field(default_factory=dict, description="Inputs of the child.")
    labels: GivenLabels = Field(default=None, description="Labels of the child: a map or a list of key and value.")
    wait: bool = Field(default=True, description="Wait for the end of the child.")
    transmit_failed: bool = Field(default=True, description="Take over FAILED, KILLED and WARNING of the child.")
    inherit_labels: Property[bool] = Field(
        default=Property.of(raw=False, kind=bool), description="Give the child all labels of this execution."
    )
    schedule_date: str | None = Field(default=None, description="Start the child at this date.")
    outputs: dict[str, Any] | None = Field(default=None, description="Deprecated: templates over the child's task outputs.")
    restart_behavior: RestartBehavior = Field(default=RestartBehavior.RETRY_FAILED, description="What a restart does to a failed child.")

    def behaviour(self) -> CallFlow:
        return CallFlow(
            namespace=self.namespace,
            flow_id=self.flow_id,
            revision=self.revision,
            inputs=self.inputs,
            labels=self.labels,
            wait=self.wait,
            transmit_failed=self.transmit_failed,
            inherit_labels=self.inherit_labels.raw,
            schedule_date=self.schedule_date,
            outputs=self.outputs,
            new_execution_on_restart=self.restart_behavior is RestartBehavior.NEW_EXECUTION,
        )
