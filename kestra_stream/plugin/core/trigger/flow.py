"""io.kestra.plugin.core.trigger.Flow: an execution after executions of other flows."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.state import StateType
from kestra_stream.models.trigger import Trigger
from kestra_stream.plugin.core.trigger.preconditions import Preconditions

ENDS = (
    StateType.SUCCESS,
    StateType.WARNING,
    StateType.FAILED,
    StateType.KILLED,
    StateType.CANCELLED,
    StateType.RETRIED,
)


class Flow(Trigger):
    """Start an execution when executions of other flows enter a state.

    `trigger.executionId`, `namespace`, `flowId`, `flowRevision`, `state` and `outputs` tell of the last one.
    """

    type_name: ClassVar[str] = "io.kestra.plugin.core.trigger.Flow"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Flow",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: after-extract
        type: io.kestra.plugin.core.trigger.Flow
        inputs:
          rows: "{{ trigger.outputs.rows }}"
        preconditions:
          id: extracted
          flows:
            - namespace: company.team
              flowId: extract
              states: [SUCCESS]
        """,
    )

    states: tuple[StateType, ...] = Field(default=ENDS, min_length=1, description="States of the other execution that count.")
    preconditions: Preconditions | None = Field(default=None, description="Executions that must all have been there.")
