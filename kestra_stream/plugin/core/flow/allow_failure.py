"""io.kestra.plugin.core.flow.AllowFailure: a group whose failure is only a warning."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import Sequence
from kestra_stream.models.task import AnyTask, FlowableTask


class AllowFailure(FlowableTask):
    """Run tasks one after the other; when one fails, the group ends as WARNING and the flow goes on."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.AllowFailure"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.flows.AllowFailure",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: optional
        type: io.kestra.plugin.core.flow.AllowFailure
        tasks:
          - id: may_fail
            type: io.kestra.plugin.core.execution.Fail
        """,
    )

    tasks: tuple[AnyTask, ...] = Field(min_length=1, description="The tasks, in order.")

    def behaviour(self) -> Sequence:
        return Sequence(self.tasks, failure_is_warning=True)
