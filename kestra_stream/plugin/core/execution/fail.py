"""io.kestra.plugin.core.execution.Fail: fail on purpose."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.expression import is_truthy
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskFailed


class Fail(RunnableTask):
    """Fail, always or when a condition holds."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.Fail"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Fail",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: stop
        type: io.kestra.plugin.core.execution.Fail
        condition: "{{ inputs.count == 0 }}"
        errorMessage: There is nothing to do.
        """,
    )

    condition: str | bool | None = Field(default=None, description="Fail only when it renders to something other than nothing, false or 0.")
    error_message: Property[str] = Field(default=Property.of("Task failure"), description="What the log says.")

    def run(self, context: RunContext) -> None:
        condition = (
            "true" if self.condition is None else str(self.condition).lower() if isinstance(self.condition, bool) else self.condition
        )
        if is_truthy(context.render(condition)):
            raise TaskFailed(context.render(self.error_message))
