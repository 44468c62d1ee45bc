"""io.kestra.plugin.core.flow.Sleep: do nothing for a while."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.duration import Duration
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask


class Sleep(RunnableTask):
    """Wait for a duration; a kill ends it at once."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.flow.Sleep"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: nap
        type: io.kestra.plugin.core.flow.Sleep
        duration: PT0.1S
        """,
    )

    duration: Property[Duration] = Field(description="How long.")

    def run(self, context: RunContext) -> None:
        context.sleep(context.render(self.duration))
