"""Internal storage as one task run may use it: writes below its own folder, reads what its execution, its parent or its namespace owns."""

import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kestra_stream.errors import InvalidUri, NotFound
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.uri import execution_folder, is_under, join, owner_of, task_run_folder, written


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
        uri = join(own_folder(self._info), written(name))
        if isinstance(content, Path):
            with content.open("rb") as file:
                return self._storage.put(self._info.tenant_id, uri, file)
        return self._storage.put(self._info.tenant_id, uri, content)

    @contextmanager
    def writer(self, name: str) -> Generator[FileWriting, None, None]:
        """Write a file piece by piece; it is stored when the block ends without an error."""
        with tempfile.TemporaryFile() as file:
            writing = FileWriting(file)
            yield writing
            file.seek(0)
            writing.uri = self.put(file, name)

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
        if not self._is_own(uri):
            raise InvalidUri(f"{uri} belongs neither to this execution nor to the namespace {self._info.namespace}")
        return self._storage.delete(self._info.tenant_id, uri) > 0

    def delete_execution_files(self) -> Sequence[str]:
        """Delete all files of this execution and return their URIs."""
        folder = own_execution_folder(self._info)
        uris = [file.uri for file in self._storage.list(self._info.tenant_id, folder, recursive=True) if not file.is_folder]
        self._storage.delete(self._info.tenant_id, folder)
        return uris

    def lines(self, uri: str) -> Iterator[bytes]:
        """Stream the lines of a stored file, without their line ends."""
        with self.open(uri) as file:
            for line in file:
                yield line.rstrip(b"\r\n")

    def _readable(self, uri: str) -> str:
        if not (self._is_own(uri) or self._is_of_allowed_namespace(uri) or self._is_of_parent(uri)):
            raise InvalidUri(f"{uri} belongs neither to this execution, nor to its parent, nor to the namespace {self._info.namespace}")
        return uri

    def _is_own(self, uri: str) -> bool:
        return is_under(uri, own_execution_folder(self._info)) or owner_of(uri) == self._info.namespace

    def _is_of_allowed_namespace(self, uri: str) -> bool:
        owner = owner_of(uri)
        return owner is not None and self._may_read_namespace(owner)

    def _is_of_parent(self, uri: str) -> bool:
        parent = self._parent()
        keys = ("namespace", "flowId", "executionId")
        if not all(isinstance(parent.get(key), str) and parent[key] for key in keys):
            return False
        return is_under(uri, execution_folder(*(parent[key] for key in keys)))


def own_execution_folder(info: TaskInfo) -> str:
    """The folder of the execution that a task run belongs to."""
    return execution_folder(info.namespace, info.flow_id, info.execution_id)


def own_folder(info: TaskInfo) -> str:
    """The folder of a task run."""
    return task_run_folder(own_execution_folder(info), info.task_id, info.task_run_id)
