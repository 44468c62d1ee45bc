"""Internal storage as one task run may use it: writes below its own folder, reads what its execution, its parent or its namespace owns."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote

from kestra_stream.errors import InvalidUri, NotFound
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.places import SCHEME, execution_folder, namespace_folder, owner_of, task_run_folder
from kestra_stream.storage.interface import Storage

_SPOOL = 1024 * 1024


class FileWriting:
    """A file that is being written; `uri` is empty until it is stored."""

    __slots__ = ("_file", "uri")

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.uri = ""

    def write(self, content: bytes) -> int:
        """Append bytes."""
        return self._file.write(content)


class AttemptFiles:
    """Files of one task run.

    Args:
        info: whose files.
        storage: where they lie.
        parent: the trigger's variables of the execution (`executionId`, `namespace`, `flowId`), asked for when a foreign file is read.
        may_read_namespace: whether files of another namespace may be read.
    """

    __slots__ = ("_info", "_may_read_namespace", "_parent", "_storage")

    def __init__(
        self, info: TaskInfo, storage: Storage, parent: Callable[[], Mapping[str, Any]], may_read_namespace: Callable[[str], bool]
    ) -> None:
        self._info = info
        self._storage = storage
        self._parent = parent
        self._may_read_namespace = may_read_namespace

    def open(self, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Read a file that this run may read."""
        return self._storage.get(self._info.tenant_id, self._readable(uri), start, end)

    def put(self, content: BinaryIO | bytes | Path, name: str) -> str:
        """Store a file among the outputs of this task run and return its URI."""
        uri = f"{SCHEME}{task_run_folder(self._info)}{_clean(name)}"
        if isinstance(content, Path):
            with content.open("rb") as file:
                return self._storage.put(self._info.tenant_id, uri, file)
        return self._storage.put(self._info.tenant_id, uri, content)

    @contextmanager
    def writer(self, name: str) -> Iterator[FileWriting]:
        """Write a file piece by piece; it is stored when the block ends without an error."""
        with tempfile.SpooledTemporaryFile(max_size=_SPOOL) as spool:
            binary: BinaryIO = spool  # type: ignore[assignment]
            writing = FileWriting(binary)
            yield writing
            spool.seek(0)
            writing.uri = self.put(binary, name)

    def size(self, uri: str) -> int:
        """Size in bytes."""
        attributes = self._storage.attributes(self._info.tenant_id, self._readable(uri))
        if attributes is None:
            raise NotFound(f"there is no file at {uri}")
        return attributes.size

    def exists(self, uri: str) -> bool:
        """Whether the file is there."""
        return self._storage.attributes(self._info.tenant_id, self._readable(uri)) is not None

    def delete(self, uri: str) -> bool:
        """Delete a file of this execution or namespace; False when there was none."""
        path = path_of(uri)
        if not self._is_own(path):
            raise InvalidUri(f"{uri} belongs neither to this execution nor to the namespace {self._info.namespace}")
        return self._storage.delete(self._info.tenant_id, SCHEME + path) > 0

    def delete_execution_files(self) -> Sequence[str]:
        """Delete all files of this execution and return their URIs."""
        folder = SCHEME + execution_folder(self._info.namespace, self._info.flow_id, self._info.execution_id)
        uris = [file.uri for file in self._storage.list(self._info.tenant_id, folder, recursive=True) if not file.is_folder]
        self._storage.delete(self._info.tenant_id, folder)
        return uris

    def lines(self, uri: str) -> Iterator[bytes]:
        """Stream the lines of a stored file, without their line ends."""
        with self.open(uri) as file:
            for line in file:
                yield line.rstrip(b"\r\n")

    def _readable(self, uri: str) -> str:
        path = path_of(uri)
        if not (self._is_own(path) or self._is_of_allowed_namespace(path) or self._is_of_parent(path)):
            raise InvalidUri(f"{uri} belongs neither to this execution, nor to its parent, nor to the namespace {self._info.namespace}")
        return SCHEME + path

    def _is_own(self, path: str) -> bool:
        info = self._info
        if path.startswith(execution_folder(info.namespace, info.flow_id, info.execution_id)):
            return True
        return path.startswith(namespace_folder(info.namespace)) and owner_of(path) == info.namespace

    def _is_of_allowed_namespace(self, path: str) -> bool:
        owner = owner_of(path)
        return owner is not None and owner != self._info.namespace and self._may_read_namespace(owner)

    def _is_of_parent(self, path: str) -> bool:
        parent = self._parent()
        keys = ("namespace", "flowId", "executionId")
        if not all(isinstance(parent.get(key), str) and parent[key] for key in keys):
            return False
        return path.startswith(execution_folder(*(parent[key] for key in keys)))


def path_of(uri: str) -> str:
    """Return the absolute path that a `kestra:///` URI names.

    Raises:
        InvalidUri: another scheme, a host, or `..` on the way.
    """
    if not uri.startswith(f"{SCHEME}/"):
        raise InvalidUri(f"'{uri}' is not a kestra:/// URI")
    path = uri[len(SCHEME) :]
    if {"..", "."} & set(unquote(path).replace("\\", "/").split("/")) or "\0" in path or "%2f" in path.lower():
        raise InvalidUri(f"'{uri}' must not contain '..'")
    return path


def _clean(name: str) -> str:
    parts = name.replace("\\", "/").split("/")
    if not name or name.startswith("/") or ".." in parts or "\0" in name:
        raise InvalidUri(f"'{name}' must be a relative path without '..'")
    return "/".join(part for part in parts if part not in {"", "."})
