"""Claim checks: a value that is too big for a message lies in storage, and `{"$spilled": URI, "size": BYTES}` travels in its place."""

from collections.abc import Mapping
from typing import Any

import orjson

from kestra_stream.queue.serde import to_bytes
from kestra_stream.storage.interface import Storage

SPILLED = "$spilled"
SPILL_BYTES = 64 * 1024


class ClaimCheck:
    """Takes big values in, and redeems the claims.

    Args:
        spill_bytes: a value is big when it has more bytes than that as JSON.
    """

    def __init__(self, storage: Storage, spill_bytes: int = SPILL_BYTES) -> None:
        self._storage = storage
        self._spill_bytes = spill_bytes

    def deposit(self, tenant: str, uri: str, value: Any) -> Any:
        """Return the value itself, or, when it is big, store it at the URI and return the claim to it.

        Raises:
            Invalid: it cannot be written as JSON.
        """
        content = to_bytes(value)
        if len(content) <= self._spill_bytes:
            return value
        return {SPILLED: self._storage.put(tenant, uri, content), "size": len(content)}

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
