"""io.kestra.plugin.core.flow.Sequential: tasks one after the other."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import Sequence
from kestra_stream.models.task import AnyTask, FlowableTask


class Sequential(FlowableTask):
    """Run tasks one after the other; the first that fails ends the group."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Sequential"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Sequential",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: both
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - id: first
            type: io.kestra.plugin.core.log.Log
            message: one
          - id: second
            type: io.kestra.plugin.core.log.Log
            message: two
        """,
    )

    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks, in order.")

    def behaviour(self) -> Sequence:
        return Sequence(self.tasks)
