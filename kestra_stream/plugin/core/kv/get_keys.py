"""io.kestra.plugin.core.kv.GetKeys: list keys."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class GetKeysOutput(TaskOutput):
    """Names, sorted."""

    keys: list[str] = Field(description="Names of the keys, sorted.")


class GetKeys(RunnableTask):
    """List the keys of a namespace."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.kv.GetKeys"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: list
        type: io.kestra.plugin.core.kv.GetKeys
        prefix: run_
        """,
    )

    prefix: Property[str] = Field(default=Property.of(""), description="Only keys that start so.")
    namespace: Property[str] | None = Field(default=None, description="Namespace of the keys; the own by default.")

    def run(self, context: RunContext) -> GetKeysOutput:
        store = context.key_values(context.render(self.namespace) if self.namespace is not None else None)
        return GetKeysOutput(keys=list(store.keys(context.render(self.prefix))))
