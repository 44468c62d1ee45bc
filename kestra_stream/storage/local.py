"""Local storage: files below one folder, the tenant as the top level. Writes are atomic: a file is there whole, or not at all."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from io import BufferedReader, RawIOBase
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

import orjson

from kestra_stream.errors import InvalidUri, NotFound
from kestra_stream.storage.interface import FileAttributes
from kestra_stream.storage.uri import RESERVED, StoragePath, check_tenant, parse

_PART = f"{RESERVED}part-"
_METADATA = f"{RESERVED}metadata-"
_BLOCK = 1024 * 1024


class LocalStorage:
    """Files below `root`, which is made when the first file is stored."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.abspath(root))

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file, or a range of its bytes, for reading."""
        path = self._file(tenant, parse(uri))
        try:
            file = path.open("rb")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise NotFound(f"there is no file {uri}") from None
        if start == 0 and end is None:
            return file
        file.seek(start)
        return cast(BinaryIO, BufferedReader(_Range(file, None if end is None else max(end - start, 0))))

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        """Store a file as a whole or not at all."""
        parsed = parse(uri)
        if parsed.is_folder or parsed.is_root:
            raise InvalidUri(f"{uri} is a folder; name the file to store")
        path = self._file(tenant, parsed)
        temporary = self._written(path, content)
        try:
            if metadata:
                path.with_name(f"{_METADATA}{path.name}").write_bytes(orjson.dumps(dict(metadata)))
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise InvalidUri(f"{uri} cannot be stored: {error.strerror}") from error
        return parsed.uri

    def _written(self, path: Path, content: BinaryIO | bytes) -> Path:
        """Write content into a temporary file beside its place."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = NamedTemporaryFile(dir=path.parent, prefix=_PART, delete=False)  # noqa: SIM115 - it is moved to its place
        except (FileExistsError, NotADirectoryError):
            raise InvalidUri(f"{path.parent.name} is a file; no file can be stored below it") from None
        try:
            with file:
                if isinstance(content, bytes):
                    file.write(content)
                else:
                    shutil.copyfileobj(content, file, _BLOCK)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise
        return Path(file.name)

    def attributes(self, tenant: str, uri: str) -> FileAttributes | None:
        """Tell what is stored there."""
        parsed = parse(uri)
        path = self._file(tenant, parsed)
        return self._attributes(path, StoragePath(parsed.names)) if path.exists() else None

    def _attributes(self, path: Path, address: StoragePath) -> FileAttributes:
        status = path.stat()
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        if path.is_dir():
            return FileAttributes(StoragePath(address.names, is_folder=True).uri, 0, modified, is_folder=True)
        metadata: dict[str, str] = {}
        with suppress(FileNotFoundError):
            metadata = orjson.loads(path.with_name(f"{_METADATA}{path.name}").read_bytes())
        return FileAttributes(address.uri, status.st_size, modified, metadata=metadata)

    def list(self, tenant: str, uri: str, *, recursive: bool = False) -> Iterator[FileAttributes]:
        """List what lies under a folder, sorted by URI."""
        parsed = parse(uri)
        folder = self._file(tenant, parsed)
        if folder.is_dir():
            yield from self._listed(folder, parsed.names, recursive=recursive)

    def _listed(self, folder: Path, names: tuple[str, ...], *, recursive: bool) -> Iterator[FileAttributes]:
        for path in sorted(folder.iterdir(), key=lambda path: path.name):
            if path.name.startswith(RESERVED) or path.is_symlink():
                continue
            address = StoragePath((*names, path.name))
            if not (recursive and path.is_dir()):
                with suppress(FileNotFoundError):
                    yield self._attributes(path, address)
            if recursive and path.is_dir():
                yield from self._listed(path, address.names, recursive=True)

    def delete(self, tenant: str, uri: str) -> int:
        """Delete a file or a folder; return how many files went."""
        path = self._file(tenant, parse(uri))
        if path.is_dir():
            count = sum(1 for _ in self.list(tenant, uri if uri.endswith("/") else f"{uri}/", recursive=True))
            shutil.rmtree(path, ignore_errors=True)
        else:
            try:
                path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                return 0
            path.with_name(f"{_METADATA}{path.name}").unlink(missing_ok=True)
            count = 1
        self._tidy(path.parent, tenant)
        return count

    def move(self, tenant: str, source: str, target: str) -> str:
        """Rename a file or a folder."""
        old, new = self._file(tenant, parse(source)), self._file(tenant, parse(target))
        if not old.exists():
            raise NotFound(f"there is no file {source}")
        new.parent.mkdir(parents=True, exist_ok=True)
        os.replace(old, new)
        with suppress(FileNotFoundError):
            os.replace(old.with_name(f"{_METADATA}{old.name}"), new.with_name(f"{_METADATA}{new.name}"))
        self._tidy(old.parent, tenant)
        return parse(target).uri

    def _file(self, tenant: str, parsed: StoragePath) -> Path:
        """Return the place of an address; a link that leads outside is refused."""
        top = self.root / check_tenant(tenant)
        path = top.joinpath(*parsed.names)
        if os.path.islink(path) or (path.exists() and not os.path.realpath(path).startswith(os.path.realpath(top))):
            raise InvalidUri(f"{parsed.uri} leads outside of the storage")
        return path

    def _tidy(self, folder: Path, tenant: str) -> None:
        """Remove folders that have become empty."""
        top = self.root / tenant
        while folder != top and top in folder.parents:
            try:
                folder.rmdir()
            except OSError:
                return
            folder = folder.parent


class _Range(RawIOBase):
    """A part of an open file."""

    def __init__(self, file: BinaryIO, left: int | None) -> None:
        self._file = file
        self._left = left

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        """Read what fits, up to the end of the range."""
        wanted = len(buffer) if self._left is None else min(len(buffer), self._left)
        content = self._file.read(wanted)
        buffer[: len(content)] = content
        if self._left is not None:
            self._left -= len(content)
        return len(content)

    def close(self) -> None:
        """Close the file too."""
        self._file.close()
        super().close()
