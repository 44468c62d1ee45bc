"""io.kestra.plugin.core.flow.LoopUntil: repeat tasks until a condition holds."""

from typing import ClassVar

from pydantic import BaseModel, Field

from kestra_stream.models.behaviour import LoopUntil as Repeat
from kestra_stream.models.document_model import Written
from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.api import TaskOutput


class CheckFrequency(Written):
    """How often and how long a loop goes on."""

    max_iterations: Property[int] | None = Field(default=None, description="Most rounds.")
    max_duration: Property[Duration] | None = Field(default=None, description="Longest time from the first round on.")
    interval: Property[Duration] = Field(default=Property.of("PT1M", Duration), description="Wait between two rounds.")


class LoopUntilOutput(TaskOutput):
    """How far the loop got."""

    iteration_count: int = Field(description="Number of the round, from 1.")


class LoopUntil(FlowableTask):
    """Run tasks again and again until the condition, which may use their outputs, holds."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.LoopUntil"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.core.flow.WaitFor",)
    output_type: ClassVar[type[BaseModel] | None] = LoopUntilOutput
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: until_ready
        type: io.kestra.plugin.core.flow.LoopUntil
        condition: "{{ outputs.ask.code == 200 }}"
        checkFrequency:
          interval: PT10S
          maxIterations: 30
        tasks:
          - id: ask
            type: io.kestra.plugin.core.http.Request
            uri: http://localhost:8080/ready
            allowFailed: true
        """,
    )

    condition: str | bool = Field(description="Rendered after each round.")
    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks of a round, in order.")
    check_frequency: CheckFrequency = Field(default=CheckFrequency(), description="How often and how long.")
    fail_on_max_reached: Property[bool] = Field(
        default=Property.of(raw=False, kind=bool), description="Fail when a maximum is reached before the condition holds."
    )

    def behaviour(self) -> Repeat:
        often = self.check_frequency
        return Repeat(
            self.condition,
            self.tasks,
            often.interval.raw,
            often.max_iterations.raw if often.max_iterations is not None else None,
            often.max_duration.raw if often.max_duration is not None else None,
            self.fail_on_max_reached.raw,
        )
