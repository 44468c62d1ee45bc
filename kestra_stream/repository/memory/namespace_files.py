"""Files of namespaces in memory, by tenant and namespace."""

from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from kestra_stream.errors import Invalid
from kestra_stream.repository.interface import NamespaceFile


class MemoryNamespaceFiles:
    """Files of all namespaces. Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._files: dict[tuple[str, str], dict[str, NamespaceFile]] = {}

    def put(self, file: NamespaceFile) -> NamespaceFile:
        """Store a file as its next version."""
        if not file.path.startswith("/"):
            raise Invalid(f"the path of a namespace file starts with '/', not {file.path!r}")
        with self._lock:
            files = self._files.setdefault((file.tenant_id, file.namespace), {})
            old = files.get(file.path)
            stored = files[file.path] = replace(file, version=old.version + 1 if old else 1)
            return stored

    def get(self, tenant: str, namespace: str, path: str) -> NamespaceFile | None:
        """Look one up."""
        return self._files.get((tenant, namespace), {}).get(path)

    def list(self, tenant: str, namespace: str, prefix: str = "/") -> Sequence[NamespaceFile]:
        """List a file, or all below a folder."""
        below = f"{prefix.rstrip('/')}/"
        with self._lock:
            files = tuple(self._files.get((tenant, namespace), {}).values())
        return sorted((file for file in files if file.path == prefix or file.path.startswith(below)), key=lambda file: file.path)

    def delete(self, tenant: str, namespace: str, path: str) -> bool:
        """Forget one; its versions begin anew."""
        with self._lock:
            return self._files.get((tenant, namespace), {}).pop(path, None) is not None
