"""io.kestra.plugin.core.kv.Get: read a key."""

from typing import Any, ClassVar

from pydantic import Field

from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class GetOutput(TaskOutput):
    """The value; null when there is none."""

    value: Any = Field(description="The value, with its type; null when there is none.")


class Get(RunnableTask):
    """Read a key of the KV store, here or in the nearest namespace above that has it."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.kv.Get"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: recall
        type: io.kestra.plugin.core.kv.Get
        key: last_run
        """,
    )

    key: Property[str] = Field(description="The key's name.")
    namespace: Property[str] | None = Field(default=None, description="Namespace of the key; the own by default.")
    error_on_missing: Property[bool] = Field(default=Property.of("false", bool), description="Fail when there is no such key.")

    def run(self, context: RunContext) -> GetOutput:
        key = context.render(self.key)
        found = context.key_values(context.render(self.namespace) if self.namespace is not None else None).get(key)
        if found is None and context.render(self.error_on_missing):
            raise NotFound(f"there is no key `{key}`")
        return GetOutput(value=found.value if found is not None else None)
