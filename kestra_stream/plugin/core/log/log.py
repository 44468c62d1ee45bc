"""io.kestra.plugin.core.log.Log: write lines to the log."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import Level
from kestra_stream.plugin.api import RunContext, RunnableTask
from kestra_stream.plugin.text import as_text


class Log(RunnableTask):
    """Write one line, or a line for each item of a list."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.log.Log"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.log.Log",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: hello
        type: io.kestra.plugin.core.log.Log
        message: "Hello, {{ inputs.name }}!"
        level: INFO
        """,
    )

    message: Any = Field(description="The line, or a list of lines.")
    level: Property[Level] = Field(default=Property.of("INFO", Level), description="Severity of the lines.")

    def run(self, context: RunContext) -> None:
        level = context.render(self.level)
        message = context.render(self.message)
        for line in message if isinstance(message, list | tuple) else (message,):
            context.logger.log(level, as_text(line))
