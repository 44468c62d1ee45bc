"""io.kestra.plugin.core.execution.Assert: fail unless all conditions hold."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.expression import is_truthy
from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import Measure, RunContext, RunnableTask, TaskFailed


class Assert(RunnableTask):
    """Check conditions, count those that hold and those that do not, and fail if one does not."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.Assert"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: check
        type: io.kestra.plugin.core.execution.Assert
        errorMessage: The country is not supported.
        conditions:
          - "{{ inputs.country in ['FR', 'DE'] }}"
          - "{{ inputs.amount > 0 }}"
        """,
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("failed", MetricType.COUNTER, "Conditions that did not hold."),
        Measure("success", MetricType.COUNTER, "Conditions that held."),
    )

    conditions: tuple[str | bool, ...] = Field(min_length=1, description="Each must render to something other than nothing, false or 0.")
    error_message: Property[str] | None = Field(default=None, description="What the log says when one does not.")

    def run(self, context: RunContext) -> None:
        failed = [condition for condition in self.conditions if not _holds(context, condition)]
        context.counter("failed", len(failed))
        context.counter("success", len(self.conditions) - len(failed))
        for condition in failed:
            message = f"Assertion `{condition}` failed!"
            context.logger.error(message)
        if failed:
            message = context.render(self.error_message) if self.error_message is not None else ""
            raise TaskFailed(message or f"{len(failed)} of {len(self.conditions)} assertions failed")


def _holds(context: RunContext, condition: str | bool) -> bool:  # noqa: FBT001 - a condition may be written as true or false
    return condition if isinstance(condition, bool) else is_truthy(context.render(condition))
