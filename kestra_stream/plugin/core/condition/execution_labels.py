"""io.kestra.plugin.core.condition.ExecutionLabels: an execution with these labels."""

from typing import ClassVar

from pydantic import Field, field_validator

from kestra_stream.models.conditions import Condition, ConditionContext
from kestra_stream.plugin.core.condition.asked_execution import asked_execution


class ExecutionLabels(Condition):
    """Hold for executions that have all of the labels."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.condition.ExecutionLabels"
    aliases: ClassVar[tuple[str, ...]] = (
        "io.kestra.core.models.conditions.types.ExecutionLabelsCondition",
        "io.kestra.plugin.core.condition.ExecutionLabelsCondition",
    )
    examples: ClassVar[tuple[str, ...]] = (
        """
        type: io.kestra.plugin.core.condition.ExecutionLabels
        labels:
          country: FR
        """,
    )

    labels: dict[str, str] = Field(min_length=1, description="The labels: a map, or a list of key and value.")

    @field_validator("labels", mode="before")
    @classmethod
    def _as_map(cls, labels: object) -> object:
        if isinstance(labels, list) and all(isinstance(label, dict) and {"key", "value"} == set(label) for label in labels):
            labels = {label["key"]: label["value"] for label in labels}
        return {key: _text(value) for key, value in labels.items()} if isinstance(labels, dict) else labels

    def test(self, context: ConditionContext) -> bool:
        present = {(label.key, label.value) for label in asked_execution(self, context).labels}
        return present.issuperset(self.labels.items())


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value
