"""The task cache: outputs of an attempt, kept in storage under the hash of the rendered task."""

from collections.abc import Mapping
from hashlib import sha256

import orjson

from kestra_stream.errors import NotFound
from kestra_stream.models.document import to_plain
from kestra_stream.models.task import Task
from kestra_stream.plugin.context.run_context import AttemptContext
from kestra_stream.plugin.context.services import Services
from kestra_stream.plugin.staging import dated, stored_at
from kestra_stream.storage.uri import cache_folder

_NOT_PART_OF_THE_WORK = {
    "description",
    "retry",
    "timeout",
    "task_cache",
    "log_level",
    "log_to_file",
    "allow_failure",
    "allow_warning",
    "run_if",
}


class TaskCacheStore:
    """Looks outputs up and keeps them; an entry older than the task's `ttl` is as if it were not there."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def key(self, task: Task, context: AttemptContext) -> str:
        """Return the hash of the rendered definition, with flow, namespace and loop value."""
        written = task.model_dump(by_alias=True, exclude=_NOT_PART_OF_THE_WORK)
        info = context.info
        identity = [info.namespace, info.flow_id, info.value, to_plain(context.render_typed(written))]
        return sha256(orjson.dumps(identity, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)).hexdigest()

    def get(self, task: Task, context: AttemptContext, key: str) -> Mapping[str, object] | None:
        """Return the outputs kept for this key."""
        tenant, uri = context.info.tenant_id, self._uri(context, key)
        attributes = self._services.engine.storage.attributes(tenant, uri)
        ttl = task.task_cache.ttl if task.task_cache else None
        if attributes is None or (ttl is not None and stored_at(attributes) + ttl <= self._services.now()):
            return None
        try:
            with self._services.engine.storage.get(tenant, uri) as file:
                outputs: Mapping[str, object] = orjson.loads(file.read())
        except (NotFound, orjson.JSONDecodeError):
            return None
        return outputs

    def put(self, task: Task, context: AttemptContext, key: str, outputs: Mapping[str, object] | None) -> None:
        """Keep outputs."""
        content = orjson.dumps(outputs or {}, option=orjson.OPT_NON_STR_KEYS)
        self._services.engine.storage.put(context.info.tenant_id, self._uri(context, key), content, dated(self._services.now()))
        context.logger.debug("The outputs were put into the task cache")

    def _uri(self, context: AttemptContext, key: str) -> str:
        info = context.info
        return f"{cache_folder(info.namespace, info.flow_id, info.task_id)}{key}/outputs.json"
