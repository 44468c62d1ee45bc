"""Outputs of an attempt -> what travels on the topic: plain data, big values replaced by a reference to storage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from kestra_stream.errors import KestraError
from kestra_stream.plugin.api import Outputs, TaskInfo, TaskOutput
from kestra_stream.plugin.context.places import own_folder
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.uri import join, slug
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.plain import plain

_SMALL = 4096


class OutputsTooLarge(KestraError):
    """All outputs of an attempt together are larger than what an attempt may return."""


@dataclass(frozen=True, slots=True)
class OutputStore:
    """Puts values that are too big for a message into storage."""

    storage: Storage
    limits: WorkerLimits

    def packed(self, outputs: Outputs, info: TaskInfo) -> dict[str, Any] | None:
        """Return the outputs as they travel.

        Raises:
            OutputsTooLarge: they are larger than what an attempt may return.
            KestraError: they cannot be written as data.
        """
        data = as_data(outputs)
        if not data:
            return data
        sizes = {name: _size(value) for name, value in data.items()}
        total = sum(sizes.values())
        if total > self.limits.outputs:
            raise OutputsTooLarge(
                f"The outputs have {total} bytes, more than the {self.limits.outputs} that a task may return; write a file instead"
            )
        for name in _to_spill(sizes, total, self.limits):
            data[name] = self._spilled(name, data[name], info)
        return data

    def _spilled(self, name: str, value: Any, info: TaskInfo) -> dict[str, Any]:
        content = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
        uri = join(own_folder(info), f"_outputs/{info.attempt}-{slug(name)}.json")
        return {"$spilled": self.storage.put(info.tenant_id, uri, content), "size": len(content)}


def as_data(outputs: Outputs) -> dict[str, Any] | None:
    """Return outputs as plain data.

    Raises:
        KestraError: they contain themselves.
    """
    if outputs is None:
        return None
    try:
        if isinstance(outputs, TaskOutput):
            outputs = {field.alias or name: getattr(outputs, name) for name, field in type(outputs).model_fields.items()}
        return {str(name): plain(value) for name, value in outputs.items()}
    except RecursionError:
        raise KestraError("The outputs are nested too deeply, or contain themselves") from None


def _to_spill(sizes: Mapping[str, int], total: int, limits: WorkerLimits) -> list[str]:
    """Names of the values that go to storage: all big ones, then the largest until the rest fits into one message."""
    if total <= limits.spill:
        return []
    chosen = []
    for name, size in sorted(sizes.items(), key=lambda pair: pair[1], reverse=True):
        if size <= limits.spill and total <= limits.message:
            break
        chosen.append(name)
        total -= size
    return chosen


def _size(value: Any) -> int:
    if value is None or isinstance(value, bool | float):
        return 8
    if isinstance(value, str) and len(value) < _SMALL:
        return len(value)
    try:
        return len(orjson.dumps(value))
    except (TypeError, RecursionError):
        return len(repr(value))
