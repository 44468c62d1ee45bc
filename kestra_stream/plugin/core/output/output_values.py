"""io.kestra.plugin.core.output.OutputValues: give values as outputs."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class Values(TaskOutput):
    """The rendered values."""

    values: dict[str, Any] = Field(description="The rendered values by name.")


class OutputValues(RunnableTask):
    """Render values and give them as `values`; lists, maps, numbers and booleans keep their types."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.output.OutputValues"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: totals
        type: io.kestra.plugin.core.output.OutputValues
        values:
          count: 3
          text: "{{ inputs.name }}"
        """,
    )

    values: dict[str, Any] = Field(description="Names and values.")

    def run(self, context: RunContext) -> Values:
        return Values.model_construct(values=context.render_typed(self.values))
