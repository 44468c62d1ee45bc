"""io.kestra.plugin.core.storage.FilterItems: the rows for which a condition holds."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from kestra_stream.errors import ExpressionError, KestraError
from kestra_stream.expression import is_truthy
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.plugin.core.rows import read_rows, row_line
from kestra_stream.plugin.core.storage.row_context import as_variables


class FilterType(StrEnum):
    """Keep the rows for which the condition holds, or the others."""

    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class ErrorOrNullBehavior(StrEnum):
    """What a condition that gives nothing, or cannot be rendered, means."""

    FAIL = "FAIL"
    INCLUDE = "INCLUDE"
    EXCLUDE = "EXCLUDE"


class FilterItemsOutput(TaskOutput):
    """Where the file is, and how many rows there were."""

    uri: str = Field(description="URI of the new file.")
    processed_items_total: int = Field(description="Rows that were read.")
    dropped_items_total: int = Field(description="Rows that were left out.")


class FilterItems(RunnableTask):
    """Keep, or drop, the rows for which a condition holds; the fields of a row are its variables."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.storage.FilterItems"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.FilterItems",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: big
        type: io.kestra.plugin.core.storage.FilterItems
        from: "{{ inputs.file }}"
        filterCondition: "{{ amount > 100 }}"
        """,
    )

    from_: Property[str] = Field(alias="from", description="A file of rows (Ion or JSON, one a line).")
    filter_condition: str = Field(description="Rendered for each row.")
    filter_type: Property[FilterType] = Field(default=Property.of("INCLUDE", FilterType), description="Keep or drop where it holds.")
    error_or_null_behavior: Property[ErrorOrNullBehavior] = Field(
        default=Property.of("FAIL", ErrorOrNullBehavior), description="What a condition means that cannot be rendered."
    )

    def run(self, context: RunContext) -> FilterItemsOutput:
        keeps = context.render(self.filter_type) is FilterType.INCLUDE
        otherwise = context.render(self.error_or_null_behavior)
        total = kept = 0
        with context.files.writer("filtered.ion") as target:
            for row in read_rows(context, context.render(self.from_)):
                total += 1
                if self._holds(context, row, otherwise, total, keeps=keeps):
                    target.write(row_line(row))
                    kept += 1
        return FilterItemsOutput(uri=target.uri, processed_items_total=total, dropped_items_total=total - kept)

    def _holds(self, context: RunContext, row: object, otherwise: ErrorOrNullBehavior, number: int, *, keeps: bool) -> bool:
        """Whether a row is kept."""
        try:
            text = context.render(self.filter_condition, as_variables(row)).strip()
        except ExpressionError as error:
            if otherwise is ErrorOrNullBehavior.FAIL:
                raise KestraError(f"row {number}: {error}") from error
            return otherwise is ErrorOrNullBehavior.INCLUDE
        if text == "" and otherwise is not ErrorOrNullBehavior.FAIL:
            return otherwise is ErrorOrNullBehavior.INCLUDE
        return is_truthy(text) is keeps
