"""Where the state tasks keep their data: one JSON file for each name, of a flow or a namespace, and of each value of a loop."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from pydantic import Field

from kestra_stream.errors import NotFound
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask
from kestra_stream.storage.uri import state_folder

DEPRECATED = "use the KV store: io.kestra.plugin.core.kv.Set, Get and Delete"


class StateTask(RunnableTask):
    """Properties that the state tasks share."""

    deprecated: ClassVar[str | None] = DEPRECATED

    name: Property[str] = Field(default=Property.of("default"), description="Name of the state.")
    namespace: Property[bool] = Field(default=Property.of("false", bool), description="Keep it for the namespace instead of the flow.")
    taskrun_value: Property[bool] = Field(default=Property.of("true", bool), description="Keep it apart for each value of a loop.")

    def uri(self, context: RunContext) -> str:
        """Return the address of the state."""
        info = context.info
        flow_id = None if context.render(self.namespace) else info.flow_id
        value = info.value if context.render(self.taskrun_value) else None
        return f"{state_folder(info.namespace, flow_id, context.render(self.name), value)}state.json"


def read_state(context: RunContext, uri: str) -> dict[str, Any] | None:
    """Return the data of a state, None when there is none."""
    try:
        with context.engine.storage.get(context.info.tenant_id, uri) as file:
            data: dict[str, Any] = orjson.loads(file.read())
    except NotFound:
        return None
    return data


def write_state(context: RunContext, uri: str, data: Mapping[str, object]) -> None:
    """Replace the data of a state."""
    content = orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)
    context.engine.storage.put(context.info.tenant_id, uri, content)
