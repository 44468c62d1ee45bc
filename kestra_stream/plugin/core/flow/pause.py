"""io.kestra.plugin.core.flow.Pause: wait for a person, or for a while."""

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from kestra_stream.models.behaviour import Pause as Wait
from kestra_stream.models.behaviour import PauseBehavior
from kestra_stream.models.duration import Duration
from kestra_stream.models.input import AnyInput
from kestra_stream.models.property import Property
from kestra_stream.models.task import AnyTask, FlowableTask
from kestra_stream.plugin.api import TaskOutput


class PauseOutput(TaskOutput):
    """How the pause ended."""

    on_resume: dict[str, Any] = Field(description="Values that the resume gave.")
    resumed: dict[str, Any] = Field(description="By whom, when and to what: `by`, `on`, `to`.")


class Pause(FlowableTask):
    """Pause the execution until somebody resumes it, or until a duration is over.

    Values that a resume gives for `onResume` are in `outputs.<id>.onResume`.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Pause"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.Pause",)
    output_type: ClassVar[type[BaseModel] | None] = PauseOutput
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: approval
        type: io.kestra.plugin.core.flow.Pause
        onResume:
          - id: approved
            type: BOOLEAN
        """,
    )

    pause_duration: Property[Duration] | None = Field(default=None, description="Go on by itself after this time.")
    delay: Property[Duration] | None = Field(default=None, description="Deprecated name of pauseDuration.")
    behavior: Property[PauseBehavior] = Field(
        default=Property.of("RESUME", PauseBehavior), description="What the end of the duration means."
    )
    on_resume: tuple[AnyInput, ...] = Field(default=(), description="Inputs that a resume must give.")
    on_pause: AnyTask | None = Field(default=None, description="A task that runs when the pause begins.")
    tasks: tuple[AnyTask, ...] = Field(default=(), description="Deprecated: tasks that run after the resume.")

    def behaviour(self) -> Wait:
        duration = self.pause_duration or self.delay
        return Wait(duration.raw if duration is not None else None, self.behavior.raw, self.on_resume, self.on_pause, self.tasks)
