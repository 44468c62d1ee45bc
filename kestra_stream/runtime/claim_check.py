"""Claim checks: a value that is too big for a message lies in storage, and `{"$spilled": URI, "size": BYTES}` travels in its place."""

from collections.abc import Mapping
from typing import Any

import orjson

from kestra_stream.storage.interface import Storage

SPILLED = "$spilled"


class ClaimCheck:
    """Redeems claims."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def fetch(self, tenant: str, value: Any) -> Any:
        """Return the value with every claim in it redeemed; parts without one are not copied."""
        if isinstance(value, Mapping):
            if SPILLED in value:
                with self._storage.get(tenant, value[SPILLED]) as content:
                    return orjson.loads(content.read())
            changed = {key: new for key, item in value.items() if _may_hold(item) and (new := self.fetch(tenant, item)) is not item}
            return {**value, **changed} if changed else value
        if isinstance(value, list | tuple):
            items = [self.fetch(tenant, item) if _may_hold(item) else item for item in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        return value


def _may_hold(value: Any) -> bool:
    return isinstance(value, dict | list | tuple | Mapping)
