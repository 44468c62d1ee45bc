"""io.kestra.plugin.core.storage.Split: a stored file into several."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.errors import Invalid
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.storage.splitting import Parts, byte_count, rows_of


class SplitOutput(TaskOutput):
    """Where the parts are, in order."""

    uris: list[str] = Field(description="URIs of the parts, in order.")


class Split(RunnableTask):
    """Split a file by size, number of parts, rows or pattern; of several, the first of these counts."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.Split"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.Split",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: parts
        type: io.kestra.plugin.core.storage.Split
        from: "{{ inputs.file }}"
        rows: 1000
        """,
    )

    from_: Property[str] = Field(alias="from", description="The file.")
    bytes: Property[str] | None = Field(default=None, description="Most bytes in a part, as 10MB.")
    partitions: Property[int] | None = Field(default=None, description="Number of parts.")
    rows: Property[int] | None = Field(default=None, description="Most rows in a part.")
    separator: Property[str] = Field(default=Property.of("\n"), description="What ends a row.")
    regex_pattern: Property[str] | None = Field(default=None, description="One part for each text that its first group finds.")

    def run(self, context: RunContext) -> SplitOutput:
        rows = rows_of(context, context.render(self.from_), context.render(self.separator))
        parts = Parts(context, lambda number: f"part-{number}.ion")
        if self.bytes is not None:
            return SplitOutput(uris=parts.by_size(rows, byte_count(context.render(self.bytes))))
        if self.partitions is not None:
            return SplitOutput(uris=parts.round_robin(rows, max(context.render(self.partitions), 1)))
        if self.rows is not None:
            return SplitOutput(uris=parts.by_rows(rows, max(context.render(self.rows), 1)))
        if self.regex_pattern is not None:
            return SplitOutput(uris=parts.by_pattern(rows, context.render(self.regex_pattern)))
        raise Invalid("say how to split: bytes, partitions, rows or regexPattern")
