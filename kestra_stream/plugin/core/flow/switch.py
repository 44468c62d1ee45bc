"""io.kestra.plugin.core.flow.Switch: the branch that a value names."""

from typing import Any, ClassVar

from pydantic import BaseModel, Field, field_validator, model_validator

from kestra_stream.models.behaviour import Switch as Choice
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.api import TaskOutput


class SwitchOutput(TaskOutput):
    """Which branch was taken."""

    value: str = Field(description="The rendered value.")
    defaults: bool = Field(description="Whether it was the defaults.")


class Switch(FlowableTask):
    """Run the tasks of the case that equals the rendered value, else the defaults; without either the task fails."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Switch"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Switch",)
    output_type: ClassVar[type[BaseModel] | None] = SwitchOutput
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: how
        type: io.kestra.plugin.core.flow.Switch
        value: "{{ inputs.mode }}"
        cases:
          fast:
            - id: run
              type: io.kestra.plugin.core.log.Log
              message: run
        defaults:
          - id: walk
            type: io.kestra.plugin.core.log.Log
            message: walk
        """,
    )

    value: str | bool | int | float = Field(description="Rendered once, when the task starts.")
    cases: dict[str, tuple[AnyTask, ...]] = Field(default_factory=dict, description="Tasks by value.")
    defaults: tuple[AnyTask, ...] | None = Field(default=None, description="Tasks for any other value.")

    @field_validator("cases", mode="before")
    @classmethod
    def _keys_are_text(cls, cases: object) -> Any:
        if not isinstance(cases, dict):
            return cases
        return {str(key).lower() if isinstance(key, bool) else str(key): tasks for key, tasks in cases.items()}

    @model_validator(mode="after")
    def _has_a_branch(self) -> "Switch":
        if not any(self.cases.values()) and not self.defaults:
            raise ValueError("cases and defaults are both empty: give at least one task")
        return self

    def behaviour(self) -> Choice:
        return Choice(self.value, self.cases, self.defaults)
