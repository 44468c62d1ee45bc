"""io.kestra.plugin.core.trigger.Toggle: switch a trigger on or off."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.document.yaml_reader import load_documents
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskFailed


class Toggle(RunnableTask):
    """Enable or disable a trigger of this flow, or of another one.

    Fails when there is no such trigger, or when nothing in this installation runs triggers.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.trigger.Toggle"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.trigger.Toggle",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: stop-the-clock
        type: io.kestra.plugin.core.trigger.Toggle
        trigger: every-quarter
        enabled: false
        """,
    )

    trigger: Property[str] = Field(description="Id of the trigger.")
    flow_id: Property[str] | None = Field(default=None, description="Id of its flow; the own by default.")
    namespace: Property[str] | None = Field(default=None, description="Namespace of its flow; the own by default.")
    enabled: Property[bool] = Field(default=Property.of("false", bool), description="Whether it runs from now on.")

    def run(self, context: RunContext) -> None:
        info, engine = context.info, context.engine
        namespace = context.render(self.namespace) if self.namespace is not None else info.namespace
        flow_id = context.render(self.flow_id) if self.flow_id is not None else info.flow_id
        trigger = context.render(self.trigger)
        flow = engine.repository.flows.get(info.tenant_id, namespace, flow_id)
        if flow is None or trigger not in _trigger_ids(flow.source):
            raise TaskFailed(f"there is no trigger `{trigger}` in the flow {namespace}.{flow_id}")
        if engine.toggle_trigger is None:
            raise TaskFailed("nothing in this installation runs triggers, so there is nothing to switch")
        engine.toggle_trigger((info.tenant_id, namespace, flow_id, trigger), context.render(self.enabled))


def _trigger_ids(source: str) -> set[str]:
    """Ids of the triggers that a flow document names."""
    found = (document.data.get("triggers") for document in load_documents(source) if isinstance(document.data, dict))
    return {one["id"] for triggers in found if isinstance(triggers, list) for one in triggers if isinstance(one, dict) and "id" in one}
