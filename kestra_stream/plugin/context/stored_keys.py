"""What the files of the KV store tell of themselves: the names of keys without a repository."""

from collections.abc import Sequence
from datetime import datetime

from kestra_stream.repository.interface import KeyValueEntry
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.uri import key_value_file

_SUFFIX = ".ion"


def stored_entry(storage: Storage, tenant: str, namespace: str, key: str) -> KeyValueEntry | None:
    """Return what a file tells of its key; None when there is no such file."""
    uri = key_value_file(namespace, key)
    attributes = storage.attributes(tenant, uri)
    if attributes is None:
        return None
    known = {name.lower(): text for name, text in attributes.metadata.items()}
    expires = known.get("expirationdate")
    return KeyValueEntry(
        tenant,
        namespace,
        key,
        known.get("type", "JSON"),
        uri,
        known.get("description"),
        datetime.fromisoformat(expires) if expires else None,
        attributes.modified_at,
    )


class StoredKeyValues:
    """Fulfils the port `KeyValues` with the storage alone, but for one promise: of two writers that must not overwrite both may win."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def put(self, entry: KeyValueEntry, *, overwrite: bool = True) -> KeyValueEntry | None:
        """Note nothing: the file that is written next tells it all. None when there is one that must not be overwritten."""
        if overwrite:
            return entry
        present = self.get(entry.tenant_id, entry.namespace, entry.key)
        is_over = (
            present is not None
            and present.expires_at is not None
            and entry.updated_at is not None
            and present.expires_at <= entry.updated_at
        )
        return entry if present is None or is_over else None

    def get(self, tenant: str, namespace: str, key: str) -> KeyValueEntry | None:
        """Return the entry as its file tells it."""
        return stored_entry(self._storage, tenant, namespace, key)

    def list(self, tenant: str, namespace: str, prefix: str = "") -> Sequence[KeyValueEntry]:
        """Entries of one namespace, by key; each costs a look at its file."""
        folder = key_value_file(namespace, "x").rpartition("/")[0]
        names = (file.uri.rpartition("/")[2] for file in self._storage.list(tenant, f"{folder}/") if not file.is_folder)
        keys = sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX) and name.startswith(prefix))
        return [entry for key in keys if (entry := self.get(tenant, namespace, key)) is not None]

    def delete(self, tenant: str, namespace: str, key: str) -> bool:
        """Note nothing: the file is deleted by whoever asks; tell whether it is there still."""
        return self._storage.attributes(tenant, key_value_file(namespace, key)) is not None
