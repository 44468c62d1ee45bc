"""io.kestra.plugin.core.execution.UnsetVariables: remove from `vars`."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import UnsetVariables as Removal
from kestra_stream.models.property import Property
from kestra_stream.models.task import Task


class UnsetVariables(Task):
    """Remove variables of the execution."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.UnsetVariables"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: forget
        type: io.kestra.plugin.core.execution.UnsetVariables
        variables: [status]
        """,
    )

    variables: Any = Field(description="Their names.")
    ignore_missing: Property[bool] = Field(
        default=Property.of(raw=False, kind=bool), description="Whether names that are not there are fine; else the task fails."
    )

    def behaviour(self) -> Removal:
        return Removal(self.variables, self.ignore_missing.raw)
