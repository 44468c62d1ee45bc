"""Storage in a directory of this machine: one folder a tenant below the root, files under the names of their URIs."""

import io
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

from kestra_stream.errors import Invalid, InvalidUri, NotFound
from kestra_stream.storage.file_range import file_range
from kestra_stream.storage.folder import METADATA, Folder
from kestra_stream.storage.interface import FileAttributes
from kestra_stream.storage.uri import RESERVED, StoragePath, check_tenant, file_path, parse, place_to_change

_PIECE = 256 * 1024
_PART = f"{RESERVED}part-"
_ABSENT = (FileNotFoundError, NotADirectoryError)


class LocalStorage:
    """Files below a root directory, which is made when the first file comes. Thread-safe, and safe between processes.

    Args:
        root: where everything lies.
        fsync: wait until the disk has a file before it counts as stored, so that it survives a loss of power.
    """

    def __init__(self, root: Path | str, *, fsync: bool = False) -> None:
        self._root = os.fspath(root)
        self._fsync = fsync
        self._prefix = f"{_PART}{token_hex(6)}"
        self._number = count()

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file; nothing is read before the caller does."""
        if start < 0 or (end is not None and end < start):
            raise Invalid(f"bytes {start} to {end} are no range")
        path = parse(uri)
        if path.is_folder:
            raise NotFound(f"there is no file at {uri}")
        try:
            with self._folder(tenant, path.names[:-1]) as folder:
                descriptor = folder.open(path.names[-1])
        except _ABSENT:
            raise NotFound(f"there is no file at {uri}") from None
        if start == 0 and end is None:
            return os.fdopen(descriptor, "rb")
        return file_range(descriptor, start, end)

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        """Write a hidden file beside the target, then rename it over."""
        path = file_path(uri)
        name = path.names[-1]
        part = self._part()
        folder, descriptor = self._create(tenant, path, part)
        with folder, os.fdopen(descriptor, "wb", buffering=0) as file:
            try:
                self._write(file, content)
                with folder.locked():
                    folder.replace(part, folder, name)
                    folder.change_metadata(name, metadata or {}, part)
            except BaseException as error:
                folder.remove(part)
                self._tidy(tenant, path.names[:-1])
                if isinstance(error, IsADirectoryError):
                    raise InvalidUri(f"{uri} is a folder") from None
                raise
        return path.uri

    def attributes(self, tenant: str, uri: str) -> FileAttributes | None:
        """Look at one name; a folder is there while it holds something."""
        path = parse(uri)
        try:
            if not path.is_folder:
                with self._folder(tenant, path.names[:-1]) as folder:
                    found = _described(folder, path, folder.status(path.names[-1]), has_metadata=True)
                if found is None or not found.is_folder:
                    return found
            with self._folder(tenant, path.names) as folder:
                return _described(folder, path, folder.status("."), has_metadata=False) if folder.names() else None
        except _ABSENT:
            return None

    def list(self, tenant: str, uri: str, *, recursive: bool = False) -> Iterator[FileAttributes]:
        """Walk one folder after the other; no more than the entries of the folders on the way are held."""
        return self._walk(check_tenant(tenant), parse(uri).names, recursive=recursive)

    def delete(self, tenant: str, uri: str) -> int:
        """Remove a file with its metadata or a whole folder, then the folders above that hold nothing any more."""
        path = place_to_change(uri)
        try:
            with self._folder(tenant, path.names[:-1]) as folder:
                gone = _delete(folder, path)
        except _ABSENT:
            return 0
        self._tidy(tenant, path.names)
        return gone

    def move(self, tenant: str, source: str, target: str) -> str:
        """Rename; a folder that meets another at the target is merged into it, file by file."""
        origin, aim = place_to_change(source), place_to_change(target)
        found = self.attributes(tenant, source)
        if found is None:
            raise NotFound(f"there is nothing at {source}")
        if not found.is_folder:
            self._move_file(tenant, origin, file_path(target))
        elif aim.names != origin.names:
            if aim.names[: len(origin.names)] == origin.names:
                raise InvalidUri(f"{source} cannot be moved into itself")
            self._move_folder(tenant, origin, aim)
        self._tidy(tenant, origin.names)
        return StoragePath(aim.names, found.is_folder).uri

    def remove_unfinished(self, before: datetime) -> int:
        """Remove parts of files whose writer is gone; one that is still written to is younger."""
        gone = 0
        for folder, _, names in os.walk(self._root):
            for name in names:
                if name.startswith(_PART) and _is_older(os.path.join(folder, name), before):  # noqa: PTH118 - a walk over everything
                    with suppress(FileNotFoundError):
                        Path(folder, name).unlink()
                        gone += 1
        return gone

    def _folder(self, tenant: str, names: Sequence[str], *, create: bool = False) -> Folder:
        check_tenant(tenant)
        if create:
            Path(self._root).mkdir(parents=True, exist_ok=True)
        with Folder.root(self._root) as root:
            return root.inner((tenant, *names), create=create)

    def _open_or_make(self, tenant: str, path: StoragePath) -> Folder:
        """Open the folder that a file goes to; most often it is there already."""
        try:
            return self._folder(tenant, path.names[:-1])
        except FileNotFoundError:
            return self._folder(tenant, path.names[:-1], create=True)

    def _create(self, tenant: str, path: StoragePath, part: str) -> tuple[Folder, int]:
        """Open the folder and a new file in it; again when somebody tidied the empty folder away in between."""
        while True:
            try:
                folder = self._open_or_make(tenant, path)
            except NotADirectoryError:
                raise InvalidUri(f"{path.uri} lies below a file") from None
            except FileNotFoundError:
                continue
            try:
                return folder, folder.create_part(part)
            except FileNotFoundError:
                folder.close()
            except BaseException:
                folder.close()
                raise

    def _write(self, file: io.RawIOBase, content: BinaryIO | bytes) -> None:
        if isinstance(content, bytes | bytearray | memoryview):
            _write_all(file, content)
        else:
            while piece := content.read(_PIECE):
                _write_all(file, piece)
        if self._fsync:
            os.fsync(file.fileno())

    def _walk(self, tenant: str, names: tuple[str, ...], *, recursive: bool) -> Iterator[FileAttributes]:
        try:
            with self._folder(tenant, names) as folder:
                entries = tuple(_entries(folder, names))
        except _ABSENT:
            return
        for path, found in entries:
            if path.is_folder and recursive:
                yield from self._walk(tenant, path.names, recursive=True)
            else:
                yield found

    def _move_file(self, tenant: str, origin: StoragePath, aim: StoragePath) -> None:
        """Rename under the lock of the target's folder; the metadata goes along. No two locks are ever held at once."""
        if origin.names == aim.names:
            return
        name, new_name = origin.names[-1], aim.names[-1]
        part = self._part()
        try:
            with self._folder(tenant, origin.names[:-1]) as folder:
                metadata = folder.metadata(name)
                # An empty file holds the target's folder, so that nobody tidies it away before the rename.
                target, descriptor = self._create(tenant, aim, part)
                with target, os.fdopen(descriptor, "wb"):
                    try:
                        with target.locked():
                            folder.replace(name, target, new_name)
                            target.change_metadata(new_name, metadata, part)
                    finally:
                        target.remove(part)
                with folder.locked():
                    if folder.status(name) is None:
                        folder.change_metadata(name, {}, part)
        except FileNotFoundError:
            raise NotFound(f"there is nothing at {origin.uri}") from None
        except IsADirectoryError:
            raise InvalidUri(f"{aim.uri} is a folder") from None

    def _move_folder(self, tenant: str, origin: StoragePath, aim: StoragePath) -> None:
        for path in tuple(parse(file.uri) for file in self._walk(tenant, origin.names, recursive=True)):
            self._move_file(tenant, path, StoragePath((*aim.names, *path.names[len(origin.names) :])))
            self._tidy(tenant, path.names)

    def _tidy(self, tenant: str, names: tuple[str, ...]) -> None:
        """Remove folders that hold nothing, from the inside out, up to the first that holds something."""
        inside = (tenant, *names)
        with suppress(*_ABSENT), Folder.root(self._root) as root:
            while inside:
                with root.inner(inside[:-1]) as folder:
                    if not folder.remove_folder(inside[-1]):
                        return
                inside = inside[:-1]

    def _part(self) -> str:
        return f"{self._prefix}-{os.getpid()}-{next(self._number)}"


def _is_older(path: str, moment: datetime) -> bool:
    try:
        return datetime.fromtimestamp(Path(path).stat().st_mtime, UTC) < moment
    except FileNotFoundError:
        return False


def _write_all(file: io.RawIOBase, content: bytes | bytearray | memoryview) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _delete(folder: Folder, path: StoragePath) -> int:
    name = path.names[-1]
    found = folder.status(name)
    if found is None:
        return 0
    if stat.S_ISDIR(found.st_mode):
        with folder.inner((name,)) as inner:
            return inner.clear()
    if path.is_folder:
        return 0
    with folder.locked():
        gone = folder.remove(name)
        folder.change_metadata(name, {}, "")
    return int(gone)


def _entries(folder: Folder, names: tuple[str, ...]) -> Iterator[tuple[StoragePath, FileAttributes]]:
    """Describe all that lies in a folder; what no URI can name is left out."""
    has_metadata = folder.status(METADATA) is not None
    for name, is_folder in folder.names():
        path = StoragePath((*names, name), is_folder)
        with suppress(InvalidUri):
            parse(path.uri)
            found = _described(folder, path, folder.status(name), has_metadata=has_metadata)
            if found is not None:
                yield path, found


def _described(folder: Folder, path: StoragePath, found: os.stat_result | None, *, has_metadata: bool) -> FileAttributes | None:
    if found is None:
        return None
    modified_at = datetime.fromtimestamp(found.st_mtime, UTC)
    if stat.S_ISDIR(found.st_mode):
        return FileAttributes(StoragePath(path.names, is_folder=True).uri, 0, modified_at, is_folder=True)
    metadata: Mapping[str, str] = folder.metadata(path.names[-1]) if has_metadata else {}
    return FileAttributes(path.uri, found.st_size, modified_at, metadata=metadata)
