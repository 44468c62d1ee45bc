"""The files of one namespace: bytes in storage at `/{namespace}/_files/`, sizes and versions in the repository."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import BinaryIO

from kestra_stream.errors import InvalidUri, NotFound
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.globs import matcher
from kestra_stream.repository.interface import NamespaceFile
from kestra_stream.storage.uri import namespace_folder


class NamespaceFilesFolder:
    """Reads and writes the files of one namespace of one tenant; paths may be written with or without the leading `/`."""

    __slots__ = ("_engine", "_folder", "_namespace", "_now", "_tenant")

    def __init__(self, engine: EngineAccess, tenant: str, namespace: str, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._tenant = tenant
        self._namespace = namespace
        self._now = now
        self._folder = f"{namespace_folder(namespace)}_files"

    def list(self, patterns: Sequence[str] = ("**",), exclude: Sequence[str] = ()) -> Sequence[str]:
        """Paths (with a leading `/`) that match a glob and none of `exclude`, sorted."""
        is_wanted, is_excluded = matcher(patterns), matcher(exclude)
        stored = self._engine.storage.list(self._tenant, f"{self._folder}/", recursive=True)
        paths = (file.uri[len(self._folder) :] for file in stored if not file.is_folder)
        return sorted(path for path in paths if is_wanted(path[1:]) and not is_excluded(path[1:]))

    def open(self, path: str) -> BinaryIO:
        """Read a file."""
        try:
            return self._engine.storage.get(self._tenant, self._folder + cleaned(path))
        except NotFound:
            raise NotFound(f"there is no file '{path}' in namespace '{self._namespace}'") from None

    def uri(self, path: str) -> str | None:
        """The storage URI of a file, None when it is not there."""
        uri = self._folder + cleaned(path)
        attributes = self._engine.storage.attributes(self._tenant, uri)
        return None if attributes is None or attributes.is_folder else uri

    def put(self, path: str, content: BinaryIO | bytes) -> str:
        """Store a file and return its URI."""
        path = cleaned(path)
        uri = self._engine.storage.put(self._tenant, self._folder + path, content)
        attributes = self._engine.storage.attributes(self._tenant, uri)
        size = attributes.size if attributes else 0
        self._engine.repository.namespace_files.put(NamespaceFile(self._tenant, self._namespace, path, uri, size, updated_at=self._now()))
        return uri

    def delete(self, path: str) -> bool:
        """Delete a file; False when there was none."""
        path = cleaned(path)
        deleted = self._engine.storage.delete(self._tenant, self._folder + path) > 0
        return self._engine.repository.namespace_files.delete(self._tenant, self._namespace, path) or deleted


def cleaned(path: str) -> str:
    """Return a path inside a namespace with its leading `/`.

    Raises:
        InvalidUri: it holds `..`.
    """
    parts = [part for part in path.replace("\\", "/").split("/") if part not in {"", "."}]
    if not parts or ".." in parts or "\0" in path:
        raise InvalidUri(f"'{path}' is no path of a namespace file; it must not contain '..'")
    return "/" + "/".join(parts)
