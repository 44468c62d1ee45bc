"""Keys of the KV store in memory, by tenant and namespace."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from kestra_stream.repository.interface import KeyValueEntry


class MemoryKeyValues:
    """Keys of all namespaces. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[tuple[str, str], dict[str, KeyValueEntry]] = {}

    def put(self, entry: KeyValueEntry, *, overwrite: bool = True) -> KeyValueEntry | None:
        """Store a key as its next version, unless it is there, alive, and must not be overwritten."""
        with self._lock:
            entries = self._entries.setdefault((entry.tenant_id, entry.namespace), {})
            old = entries.get(entry.key)
            if old is not None and not overwrite and not _is_expired(old, entry):
                return None
            stored = entries[entry.key] = replace(entry, version=old.version + 1 if old else 1)
            return stored

    def get(self, tenant: str, namespace: str, key: str) -> KeyValueEntry | None:
        """Look one up."""
        return self._entries.get((tenant, namespace), {}).get(key)

    def list(self, tenant: str, namespace: str, prefix: str = "") -> Sequence[KeyValueEntry]:
        """List those that start with a prefix."""
        with self._lock:
            entries = tuple(self._entries.get((tenant, namespace), {}).values())
        return sorted((entry for entry in entries if entry.key.startswith(prefix)), key=lambda entry: entry.key)

    def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Forget one; its versions begin anew."""
        with self._lock:
            return self._entries.get((tenant, namespace), {}).pop(key, None) is not None


def _is_expired(old: KeyValueEntry, new: KeyValueEntry) -> bool:
    return old.expires_at is not None and new.updated_at is not None and old.expires_at <= new.updated_at
