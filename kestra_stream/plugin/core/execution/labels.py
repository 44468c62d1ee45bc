"""io.kestra.plugin.core.execution.Labels: label the execution."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import SetLabels
from kestra_stream.models.task import Task


class Labels(Task):
    """Add labels to the execution, or change some."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.Labels"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.executions.Labels",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: label
        type: io.kestra.plugin.core.execution.Labels
        labels:
          customer: "{{ inputs.customer }}"
        """,
    )

    labels: Any = Field(description="A map, a list of key and value, or JSON text of either.")

    def behaviour(self) -> SetLabels:
        return SetLabels(self.labels)
