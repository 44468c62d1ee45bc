"""io.kestra.plugin.core.flow.EachSequential: deprecated form of ForEach, one value after the other."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import ForEach as Loop
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.core.loop_values import LoopValues


class EachSequential(FlowableTask):
    """Run tasks for every distinct value, one value after the other. Use ForEach."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.EachSequential"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachSequential",)
    deprecated: ClassVar[str | None] = "use io.kestra.plugin.core.flow.ForEach"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: each
        type: io.kestra.plugin.core.flow.EachSequential
        value: ["a", "b"]
        tasks:
          - id: say
            type: io.kestra.plugin.core.log.Log
            message: "{{ taskrun.value }}"
        """,
    )

    value: LoopValues = Field(description="A list, or a template that renders to a JSON list.")
    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks for each value.")

    def behaviour(self) -> Loop:
        return Loop(self.value, self.tasks, 1)
