"""io.kestra.plugin.core.state.Set: merge values into a state."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, TaskOutput
from kestra_stream.plugin.core.state.states import StateTask, read_state, write_state


class SetOutput(TaskOutput):
    """How many values the state has now, and where it lies."""

    count: int = Field(description="How many values the state has now.")
    key: str = Field(description="Where the state lies.")


class Set(StateTask):
    """Merge values into a state; maps are merged key by key."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.state.Set"
    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.states.Set",)
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: remember
        type: io.kestra.plugin.core.state.Set
        name: progress
        data:
          last: "{{ outputs.load.last }}"
        """,
    )

    data: Property[dict[str, Any]] = Field(description="The values.")

    def run(self, context: RunContext) -> SetOutput:
        uri = self.uri(context)
        data = merged(read_state(context, uri) or {}, context.render_typed(self.data))
        write_state(context, uri, data)
        return SetOutput(count=len(data), key=uri)


def merged(present: Mapping[str, object], fresh: Mapping[str, object]) -> dict[str, Any]:
    """Merge maps key by key, at every depth; anything else is replaced."""
    result = dict(present)
    for key, value in fresh.items():
        old = result.get(key)
        result[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result
