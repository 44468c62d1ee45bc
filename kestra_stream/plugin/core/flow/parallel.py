"""io.kestra.plugin.core.flow.Parallel: tasks side by side."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import Parallel as AtOnce
from kestra_stream.models.task import AnyTask, FlowableTask


class Parallel(FlowableTask):
    """Run tasks side by side."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Parallel"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Parallel",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: both
        type: io.kestra.plugin.core.flow.Parallel
        tasks:
          - id: left
            type: io.kestra.plugin.core.log.Log
            message: left
          - id: right
            type: io.kestra.plugin.core.log.Log
            message: right
        """,
    )

    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks; they are started in this order.")
    concurrent: int = Field(default=0, ge=0, description="How many run at once; 0 for all.")

    def behaviour(self) -> AtOnce:
        return AtOnce(self.tasks, self.concurrent)
