"""io.kestra.plugin.core.debug.Return: give a rendered text back."""

from time import perf_counter
from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.models.records import MetricType
from kestra_stream.plugin.api import Measure, RunContext, RunnableTask, TaskOutput


class ReturnOutput(TaskOutput):
    """What was rendered."""

    value: str | None = Field(description="The rendered text; null when there is no `format`.")


class Return(RunnableTask):
    """Render a text and give it as `value`; for trying out expressions."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.debug.Return"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.debugs.Return",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: show
        type: io.kestra.plugin.core.debug.Return
        format: "{{ taskrun.id }} at {{ taskrun.startDate }}"
        """,
    )
    measures: ClassVar[tuple[Measure, ...]] = (
        Measure("length", MetricType.COUNTER, "Letters of the text."),
        Measure("duration", MetricType.TIMER, "Time that the rendering took."),
    )

    format: Property[str] | None = Field(default=None, description="The text.")

    def run(self, context: RunContext) -> ReturnOutput:
        began = perf_counter()
        value = context.render(self.format) if self.format is not None else None
        context.counter("length", len(value or ""))
        context.timer("duration", perf_counter() - began)
        return ReturnOutput(value=value)
