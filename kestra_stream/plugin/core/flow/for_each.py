"""io.kestra.plugin.core.flow.ForEach: the same tasks for every value of a list."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import ForEach as Loop
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.core.loop_values import LoopValues


class ForEach(FlowableTask):
    """Run tasks for every distinct value; within a value they run one after the other.

    In the tasks, `taskrun.value` is the value as text and `taskrun.iteration` its place, from 0.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.ForEach"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: each
        type: io.kestra.plugin.core.flow.ForEach
        values: ["a", "b", "c"]
        concurrencyLimit: 2
        tasks:
          - id: say
            type: io.kestra.plugin.core.log.Log
            message: "{{ taskrun.value }}"
        """,
    )

    values: LoopValues = Field(description="A list, or a template that renders to a JSON list.")
    concurrency_limit: int = Field(default=1, ge=0, description="How many values run at once; 0 for all.")
    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks for each value.")

    def behaviour(self) -> Loop:
        return Loop(self.values, self.tasks, self.concurrency_limit)
