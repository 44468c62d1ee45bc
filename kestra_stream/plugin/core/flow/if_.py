"""io.kestra.plugin.core.flow.If: one of two branches."""

from typing import ClassVar

from pydantic import BaseModel, Field

from kestra_stream.models.behaviour import If as Choice
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.api import TaskOutput


class IfOutput(TaskOutput):
    """Which branch was taken."""

    evaluation_result: bool = Field(description="Whether the condition held.")


class If(FlowableTask):
    """Run `then` when the condition holds, else `else`. Nothing, `false`, `0` and `-0` do not hold; any other text does."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.If"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.If",)
    output_type: ClassVar[type[BaseModel] | None] = IfOutput
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: weekend
        type: io.kestra.plugin.core.flow.If
        condition: "{{ inputs.day == 'sunday' }}"
        then:
          - id: rest
            type: io.kestra.plugin.core.log.Log
            message: rest
        """,
    )

    condition: str | bool | int | float = Field(description="Rendered once, when the task starts.")
    then: tuple[AnyTask, ...] = Field(min_length=1, description="Tasks for when it holds.")
    else_: tuple[AnyTask, ...] = Field(default=(), alias="else", description="Tasks for when it does not.")

    def behaviour(self) -> Choice:
        return Choice(self.condition, self.then, self.else_)
