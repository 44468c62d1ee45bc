"""io.kestra.plugin.core.storage.Reverse: the lines of a stored file, last first."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class ReverseOutput(TaskOutput):
    """Where the file is."""

    uri: str


class Reverse(RunnableTask):
    """Write the parts of a file in reverse order."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Reverse"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Reverse",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: backwards
        type: io.kestra.plugin.core.storage.Reverse
        from: "{{ inputs.file }}"
        """,
    )

    from_: Property[str] = Field(alias="from", description="The file.")
    separator: Property[str] = Field(default=Property.of("\n"), description="What ends a part.")
    charset: Property[str] = Field(default=Property.of("UTF-8"), description="Encoding of the separator.")

    def run(self, context: RunContext) -> ReverseOutput:
        separator = context.render(self.separator).encode(context.render(self.charset))
        with context.files.open(context.render(self.from_)) as source:
            parts = source.read().split(separator)
        if parts and not parts[-1]:
            parts.pop()
        with context.files.writer("reversed.ion") as target:
            for part in reversed(parts):
                target.write(part + separator)
        return ReverseOutput(uri=target.uri)
