"""io.kestra.plugin.core.debug.Echo: deprecated; write a line to the log."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import Level
from kestra_stream.plugin.api import RunContext, RunnableTask


class Echo(RunnableTask):
    """Write a line to the log. Use Log."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.debug.Echo"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.debugs.Echo",)
    deprecated: ClassVar[str | None] = "use io.kestra.plugin.core.log.Log"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: say
        type: io.kestra.plugin.core.debug.Echo
        format: "{{ taskrun.id }}"
        """,
    )

    format: Property[str] = Field(description="The line.")
    level: Property[Level] = Field(default=Property.of("INFO", Level), description="Severity of the line.")

    def run(self, context: RunContext) -> None:
        context.logger.log(context.render(self.level), context.render(self.format))
