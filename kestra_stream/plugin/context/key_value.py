"""The KV store of one namespace: values as ION text in storage, names and expiry in the repository."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson

from kestra_stream.errors import Invalid, NotFound
from kestra_stream.models.duration import format_duration, parse_duration
from kestra_stream.plugin.api import EngineAccess, StoredValue
from kestra_stream.plugin.context.stored_keys import stored_entry
from kestra_stream.repository.interface import KeyValueEntry
from kestra_stream.storage.uri import key_value_file

_KEY = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")


class NamespaceKeyValues:
    """Reads and writes the keys of one namespace of one tenant."""

    __slots__ = ("_engine", "_namespace", "_now", "_tenant")

    def __init__(self, engine: EngineAccess, tenant: str, namespace: str, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._tenant = tenant
        self._namespace = namespace
        self._now = now

    def get(self, key: str, *, inherit: bool = True) -> StoredValue | None:
        """Read a key here or, with `inherit`, in the nearest parent namespace that has it; an expired one is deleted."""
        _check(key)
        for namespace in _upwards(self._namespace) if inherit else (self._namespace,):
            entry = self._entry(namespace, key)
            if entry is None:
                continue
            if entry.expires_at is not None and entry.expires_at <= self._now():
                self._delete(namespace, key)
                continue
            try:
                with self._engine.storage.get(self._tenant, entry.uri) as file:
                    value = decode(entry.type, file.read())
            except NotFound:
                continue
            return StoredValue(value, entry.type, entry.description, entry.expires_at)
        return None

    def set(self, key: str, value: object, *, overwrite: bool = True, ttl: timedelta | None = None, description: str | None = None) -> None:
        """Write a key; its type follows from the value."""
        _check(key)
        now = self._now()
        kind, content = encode(value)
        entry = KeyValueEntry(
            self._tenant, self._namespace, key, kind, key_value_file(self._namespace, key), description, now + ttl if ttl else None, now
        )
        # The name is claimed before the value is written, so that of two writers that must not overwrite only one writes at all.
        if not overwrite:
            self._claim(entry)
        self._engine.storage.put(self._tenant, entry.uri, content, _metadata(entry))
        if overwrite:
            self._engine.repository.key_values.put(entry)

    def delete(self, key: str) -> bool:
        """Delete a key; False when there was none."""
        _check(key)
        entry = self._entry(self._namespace, key)
        alive = entry is not None and (entry.expires_at is None or entry.expires_at > self._now())
        self._delete(self._namespace, key)
        return alive

    def keys(self, prefix: str = "") -> Sequence[str]:
        """Names of the keys that have not expired, sorted."""
        now = self._now()
        entries = self._engine.repository.key_values.list(self._tenant, self._namespace, prefix)
        return sorted(entry.key for entry in entries if entry.expires_at is None or entry.expires_at > now)

    def _claim(self, entry: KeyValueEntry) -> None:
        if self._engine.repository.key_values.put(entry, overwrite=False) is None:
            raise Invalid(f"the key '{entry.key}' exists in namespace '{entry.namespace}' and must not be overwritten")

    def _entry(self, namespace: str, key: str) -> KeyValueEntry | None:
        """What the repository knows, else what the file in storage tells of itself (a repository may be younger than its storage)."""
        entry = self._engine.repository.key_values.get(self._tenant, namespace, key)
        if entry is not None:
            return entry
        return stored_entry(self._engine.storage, self._tenant, namespace, key)

    def _delete(self, namespace: str, key: str) -> None:
        self._engine.storage.delete(self._tenant, key_value_file(namespace, key))
        self._engine.repository.key_values.delete(self._tenant, namespace, key)


def encode(value: object) -> tuple[str, bytes]:
    """Turn a value into its type's name and its ION text (of which JSON is a part).

    Raises:
        Invalid: the value has no JSON form.
    """
    match value:
        case bool():
            return "BOOLEAN", orjson.dumps(value)
        case int() | float():
            return "NUMBER", str(value).encode()
        case Decimal():
            return "NUMBER", format(value, "f").encode()
        case str():
            return "STRING", orjson.dumps(value)
        case datetime():
            return "DATETIME", (value if value.tzinfo else value.astimezone()).isoformat().encode()
        case date():
            return "DATE", value.isoformat().encode()
        case timedelta():
            return "DURATION", orjson.dumps(format_duration(value))
        case _:
            return "JSON", _json(value)


def _json(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=str)
    except TypeError as error:
        raise Invalid(f"a value of type {type(value).__name__} cannot be stored: {error}") from None


def decode(kind: str, content: bytes) -> Any:
    """Turn ION text back into the value."""
    match kind:
        case "DATETIME":
            return datetime.fromisoformat(content.decode())
        case "DATE":
            return date.fromisoformat(content.decode())
        case "DURATION":
            return parse_duration(orjson.loads(content))
        case _:
            return _untyped(content)


def _untyped(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return _plain_ion(content)


def _plain_ion(content: bytes) -> Any:
    """ION that is no JSON, written by another engine."""
    from amazon.ion import simpleion  # noqa: PLC0415 - slow to import, rarely needed

    return _without_ion(simpleion.loads(content))


def _without_ion(value: object) -> Any:
    """The library's values look like Python's, but its null is not None."""
    match value:
        case Mapping():
            return {str(key): _without_ion(item) for key, item in value.items()}
        case list():
            return [_without_ion(item) for item in value]
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case str():
            return str(value)
        case _:
            return None if type(value).__name__ == "IonPyNull" else value


def _metadata(entry: KeyValueEntry) -> dict[str, str]:
    known = {"type": entry.type}
    if entry.expires_at is not None:
        known["expirationDate"] = entry.expires_at.isoformat()
    if entry.description:
        known["description"] = entry.description
    return known


def _check(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise Invalid(f"'{key}' is no valid key; it must match {_KEY.pattern}")


def _upwards(namespace: str) -> Iterator[str]:
    """A namespace, then its parents, nearest first."""
    while namespace:
        yield namespace
        namespace = namespace.rpartition(".")[0]
