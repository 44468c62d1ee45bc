"""io.kestra.plugin.core.flow.EachParallel: deprecated; all pairs of value and task at once."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import ForEach as Loop
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.core.loop_values import LoopValues


class EachParallel(FlowableTask):
    """Run every pair of value and task side by side. Use ForEach with `concurrencyLimit: 0`."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.EachParallel"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.EachParallel",)
    deprecated: ClassVar[str | None] = "use io.kestra.plugin.core.flow.ForEach"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: each
        type: io.kestra.plugin.core.flow.EachParallel
        value: ["a", "b"]
        tasks:
          - id: say
            type: io.kestra.plugin.core.log.Log
            message: "{{ taskrun.value }}"
        """,
    )

    value: LoopValues = Field(description="A list, or a template that renders to a JSON list.")
    concurrent: int = Field(default=0, ge=0, description="How many pairs run at once; 0 for all.")
    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks for each value.")

    def behaviour(self) -> Loop:
        return Loop(self.value, self.tasks, self.concurrent, in_order=False)
