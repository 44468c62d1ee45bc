"""io.kestra.plugin.core.flow.Template: what is left of templates, by a flow of the same name."""

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from kestra_stream.models.behaviour import CallFlow
from kestra_stream.models.task import Task
from kestra_stream.plugin.core.flow.subflow import SubflowOutput


class Template(Task):
    """Call the flow that has taken the place of a template.

    Templates are gone: move the tasks of one into a flow with the same namespace and id. `args` become inputs of that flow; its
    outputs are in `outputs.<id>.outputs`.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Template"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Template",)
    deprecated: ClassVar[str | None] = "use io.kestra.plugin.core.flow.Subflow"
    output_type: ClassVar[type[BaseModel] | None] = SubflowOutput
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: shared
        type: io.kestra.plugin.core.flow.Template
        namespace: company.team
        templateId: shared-tasks
        args:
          name: "{{ inputs.name }}"
        """,
    )

    namespace: str = Field(description="Namespace of the flow.")
    template_id: str = Field(description="Id of the flow.")
    args: dict[str, Any] = Field(default_factory=dict, description="Inputs of the flow.")

    def behaviour(self) -> CallFlow:
        return CallFlow(namespace=self.namespace, flow_id=self.template_id, inputs=self.args)
