"""io.kestra.plugin.core.storage.DeduplicateItems: one row for each key."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.rows import read_rows, row_line
from kestra_stream.plugin.core.storage.row_context import as_variables


class DeduplicateItemsOutput(TaskOutput):
    """Where the file is, and how many rows there were."""

    uri: str = Field(description="URI of the new file.")
    num_keys: int = Field(description="How many keys there are.")
    processed_items_total: int = Field(description="Rows that were read.")
    dropped_items_total: int = Field(description="Rows that were left out.")


class DeduplicateItems(RunnableTask):
    """Keep the last row of each key; the fields of a row are variables of the expression."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.DeduplicateItems"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.DeduplicateItems",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: newest
        type: io.kestra.plugin.core.storage.DeduplicateItems
        from: "{{ inputs.file }}"
        expr: "{{ id }}"
        """,
    )

    from_: Property[str] = Field(alias="from", description="A file of rows (Ion or JSON, one a line).")
    expr: str = Field(description="Renders to the key of a row.")

    def run(self, context: RunContext) -> DeduplicateItemsOutput:
        uri = context.render(self.from_)
        last: dict[str, int] = {}
        total = 0
        for place, row in enumerate(read_rows(context, uri)):
            last[context.render(self.expr, as_variables(row))] = place
            total = place + 1
        kept = set(last.values())
        with context.files.writer("deduplicated.ion") as target:
            for place, row in enumerate(read_rows(context, uri)):
                if place in kept:
                    target.write(row_line(row))
        return DeduplicateItemsOutput(
            uri=target.uri, num_keys=len(last), processed_items_total=total, dropped_items_total=total - len(last)
        )
