"""io.kestra.plugin.core.execution.SetVariables: change `vars`."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.models.behaviour import SetVariables as Change
from kestra_stream.models.property import Property
from kestra_stream.models.task import Task


class SetVariables(Task):
    """Set variables of the execution; maps are merged."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.execution.SetVariables"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: remember
        type: io.kestra.plugin.core.execution.SetVariables
        variables:
          status: "{{ outputs.ask.code }}"
        """,
    )

    variables: Any = Field(description="Names and values.")
    overwrite: Property[bool] = Field(
        default=Property.of(raw=True, kind=bool), description="Whether variables that exist may be changed; else the task fails."
    )

    def behaviour(self) -> Change:
        return Change(self.variables, self.overwrite.raw)
