"""Claim checks: a value that is too big for a message lies in storage, and `{"$spilled": URI, "size": BYTES}` travels in its place.

A claim gives what it names to whoever holds it, and a flow may write any map. So the name of a claimed file cannot be guessed, and
nothing but a claimed file is given out.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any

import orjson

from kestra_stream.errors import Invalid, InvalidUri, KestraError
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.uri import parse

SPILLED = "$spilled"
SPILL_BYTES = 64 * 1024
MESSAGE_BYTES = 256 * 1024
MOST_BYTES = 200 * 1024 * 1024
FOLDER = "_outputs"
_CLAIMED = re.compile(r"[0-9a-f]{32}\.json")
_SMALLEST = 1024
_SMALL_TEXT = 4096
_NUMBER = 24


class TooLarge(Invalid):
    """Values are larger than what may be handed on."""


class ClaimCheck:
    """Takes big values in, and redeems the claims.

    Args:
        spill: bytes of one value as JSON above which it goes to storage.
        message: bytes of all values together above which the largest go there too.
        most: bytes of all values together that are refused.
    """

    def __init__(self, storage: Storage, spill: int = SPILL_BYTES, message: int = MESSAGE_BYTES, most: int = MOST_BYTES) -> None:
        self._storage = storage
        self._spill, self._message, self._most = spill, message, most

    def deposit(self, tenant: str, folder: str, values: Mapping[str, object]) -> dict[str, Any]:
        """Return a map of plain values as it travels: claims in place of what is too big, which is stored below the folder.

        Raises:
            TooLarge: all of them together are larger than what may be handed on.
            Invalid: a value is nested too deeply.
        """
        travelling = dict(values)
        try:
            sizes = self._stored_if_big(tenant, folder, travelling)
            self._make_room(tenant, folder, travelling, sizes)
        except BaseException:
            self._take_back(tenant, travelling, values)
            raise
        return travelling

    def fetch(self, tenant: str, value: object) -> Any:
        """Return the value with every claim in it redeemed; parts without one are not copied.

        Raises:
            InvalidUri: a claim names something that was never deposited.
            NotFound: what it names is gone.
        """
        if isinstance(value, Mapping):
            if SPILLED in value:
                return self._redeemed(tenant, value[SPILLED])
            changed = {key: new for key, item in value.items() if _may_hold(item) and (new := self.fetch(tenant, item)) is not item}
            return {**value, **changed} if changed else value
        if isinstance(value, list | tuple):
            items = [self.fetch(tenant, item) if _may_hold(item) else item for item in value]
            return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
        return value

    def _stored_if_big(self, tenant: str, folder: str, travelling: dict[str, object]) -> dict[str, int]:
        """Store the big values; return the sizes of all."""
        sizes: dict[str, int] = {}
        total = 0
        for name, value in travelling.items():
            sizes[name] = size = _size(name, value)
            total += size
            if total > self._most:
                raise TooLarge(f"have more than the {self._most} bytes that may be handed on; write a file instead")
            if size > self._spill:
                travelling[name] = self._stored(tenant, folder, name, value)
        return sizes

    def _make_room(self, tenant: str, folder: str, travelling: dict[str, object], sizes: Mapping[str, int]) -> None:
        """Store the largest of the values that still travel, until the rest fits into one message."""
        inline = {name: size for name, size in sizes.items() if size <= self._spill}
        left = sum(inline.values())
        for name, size in sorted(inline.items(), key=lambda pair: pair[1], reverse=True):
            if left <= self._message:
                return
            if size < _SMALLEST:
                raise TooLarge(f"are {len(sizes)} values that are too many for a message; hand them on as one map or list")
            travelling[name] = self._stored(tenant, folder, name, travelling[name])
            left -= size

    def _stored(self, tenant: str, folder: str, name: str, value: object) -> dict[str, Any]:
        content = _content(name, value)
        return {SPILLED: self._storage.put(tenant, f"{folder}{FOLDER}/{token_hex(16)}.json", content), "size": len(content)}

    def _take_back(self, tenant: str, travelling: Mapping[str, Any], values: Mapping[str, object]) -> None:
        """Delete what was stored in vain; what a storage that is away keeps is swept one day."""
        with suppress(KestraError, OSError):
            for name, value in travelling.items():
                if value is not values[name]:
                    self._storage.delete(tenant, value[SPILLED])

    def _redeemed(self, tenant: str, uri: Any) -> Any:
        names = parse(uri).names if isinstance(uri, str) else ()
        if len(names) < 2 or names[-2] != FOLDER or not _CLAIMED.fullmatch(names[-1]):  # noqa: PLR2004 - folder and file
            raise InvalidUri(f"{uri!r} names no value that was stored for being big; `{SPILLED}` is a key of the engine's own")
        with self._storage.get(tenant, uri) as content:
            return orjson.loads(content.read())


def _size(name: str, value: object) -> int:
    """Bytes of a value as JSON; small ones are guessed."""
    if isinstance(value, str) and len(value) < _SMALL_TEXT:
        return len(value)
    if value is None or isinstance(value, bool | int | float):
        return _NUMBER
    return len(_content(name, value))


def _content(name: str, value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:
        raise Invalid(f"`{name}` is nested more than 254 levels deep") from None


def _may_hold(value: object) -> bool:
    return isinstance(value, dict | list | tuple | Mapping)
