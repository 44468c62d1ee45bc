"""io.kestra.plugin.core.kv.PurgeKV: remove keys that have expired."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from kestra_stream.models.document_model import Written
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask, TaskOutput
from kestra_stream.storage.uri import namespace_folder, parse


class ByKey(Written):
    """Purge whole keys."""

    type: Literal["key"] = Field(default="key", description="key: the only way to purge here, since old versions of values are not kept.")
    expired_only: Property[bool] = Field(default=Property.of(raw=True, kind=bool), description="Leave keys that have not expired.")


class PurgeKVOutput(TaskOutput):
    """How many keys are gone."""

    size: int = Field(description="How many keys are gone.")


class PurgeKV(RunnableTask):
    """Remove expired keys, or all that match a pattern, from all namespaces, or from some and those below them."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.kv.PurgeKV"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: tidy
        type: io.kestra.plugin.core.kv.PurgeKV
        namespaces: [company]
        behavior:
          type: key
          expiredOnly: true
        """,
    )

    namespaces: Property[list[str]] | None = Field(default=None, description="Where to look; everywhere by default.")
    namespace_pattern: Property[str] | None = Field(default=None, description="Look where this glob matches, instead of a list.")
    include_child_namespaces: Property[bool] = Field(default=Property.of("true", bool), description="Look below the namespaces too.")
    key_pattern: Property[str] = Field(default=Property.of("*"), description="Glob of the keys.")
    behavior: ByKey = Field(default=ByKey(), description="Which of the keys go; the expired ones by default.")
    expired_only: Property[bool] | None = Field(default=None, description="Deprecated: use `behavior`.")

    @model_validator(mode="after")
    def _one_choice(self) -> "PurgeKV":
        if self.namespaces is not None and self.namespace_pattern is not None:
            raise ValueError("give either `namespaces` or `namespacePattern`")
        return self

    def run(self, context: RunContext) -> PurgeKVOutput:
        pattern, expired_only = context.render(self.key_pattern), context.render(self.expired_only or self.behavior.expired_only)
        now, size = context.now(), 0
        for namespace in sorted(set(self._namespaces(context))):
            keys = context.key_values(namespace)
            for entry in context.engine.repository.key_values.list(context.info.tenant_id, namespace):
                has_expired = entry.expires_at is not None and entry.expires_at <= now
                if fnmatchcase(entry.key, pattern) and (has_expired or not expired_only):
                    keys.delete(entry.key)
                    size += 1
        return PurgeKVOutput(size=size)

    def _namespaces(self, context: RunContext) -> Iterator[str]:
        if self.namespaces is None:
            pattern = context.render(self.namespace_pattern) if self.namespace_pattern is not None else "*"
            yield from (name for name in _with_keys(context, "kestra:///") if fnmatchcase(name, pattern))
            return
        named = context.render(self.namespaces)
        yield from named
        if context.render(self.include_child_namespaces):
            for name in named:
                yield from _with_keys(context, namespace_folder(name))


def _with_keys(context: RunContext, folder: str) -> Iterator[str]:
    """Namespaces at or below a folder whose KV store holds something."""
    for file in context.engine.storage.list(context.info.tenant_id, folder, recursive=True):
        parts = parse(file.uri).names
        if not file.is_folder and "_kv" in parts[1:-1]:
            yield ".".join(parts[: parts.index("_kv")])
