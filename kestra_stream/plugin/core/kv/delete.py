"""io.kestra.plugin.core.kv.Delete: forget a key."""

from typing import ClassVar

from pydantic import Field

from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput


class DeleteOutput(TaskOutput):
    """Whether there was such a key."""

    deleted: bool = Field(description="Whether there was such a key.")


class Delete(RunnableTask):
    """Delete a key of the KV store."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.kv.Delete"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: forget
        type: io.kestra.plugin.core.kv.Delete
        key: last_run
        """,
    )

    key: Property[str] = Field(description="The key's name.")
    namespace: Property[str] | None = Field(default=None, description="Namespace of the key; the own by default.")
    error_on_missing: Property[bool] = Field(default=Property.of("false", bool), description="Fail when there is no such key.")

    def run(self, context: RunContext) -> DeleteOutput:
        key = context.render(self.key)
        deleted = context.key_values(context.render(self.namespace) if self.namespace is not None else None).delete(key)
        if not deleted and context.render(self.error_on_missing):
            raise NotFound(f"there is no key `{key}`")
        return DeleteOutput(deleted=deleted)
