"""A folder on disk, held open by its descriptor: names in, files and folders out, never through a symbolic link.

Every step from the root down is opened relative to the one before and refuses links, so nobody can swap a folder for a link
between the check and the use. Metadata of a file lies beside it, in a hidden folder under the same name; file and metadata
change together under the lock of their folder (`flock`, so it holds between processes too).
"""

import errno
import fcntl
import os
import stat
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import orjson

from kestra_stream.errors import InvalidUri
from kestra_stream.storage.uri import RESERVED

METADATA = f"{RESERVED}metadata"
_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
_OPEN_FOLDER = _OPEN | os.O_DIRECTORY
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


class Folder:
    """An open folder; a context manager that closes it. Names are single levels."""

    __slots__ = ("_descriptor",)

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def root(cls, path: str) -> "Folder":
        """Open the top; it alone may be reached through links.

        Raises:
            FileNotFoundError: it is not there.
        """
        return cls(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY))

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def inner(self, names: Sequence[str], *, create: bool = False) -> "Folder":
        """Open a folder below this one, made on the way if wanted.

        Raises:
            FileNotFoundError: it is not there (or went while it was being opened).
            NotADirectoryError: a file is in the way.
            InvalidUri: a symbolic link is.
        """
        current = os.dup(self._descriptor)
        for name in names:
            above = current
            try:
                current = _open_folder(above, name, create=create)
            finally:
                os.close(above)
        return Folder(current)

    def open(self, name: str) -> int:
        """Return the descriptor of a regular file, for reading.

        Raises:
            FileNotFoundError: there is none.
            InvalidUri: it is a symbolic link.
        """
        try:
            descriptor = os.open(name, _OPEN | os.O_NONBLOCK, dir_fd=self._descriptor)
        except OSError as error:
            raise _explained(error, self._descriptor, name) from None
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
        raise FileNotFoundError(errno.ENOENT, "no regular file", name)

    def create(self, name: str) -> int:
        """Return the descriptor of a new file, for writing."""
        return os.open(name, _CREATE, 0o644, dir_fd=self._descriptor)

    def create_part(self, name: str) -> int:
        """Return the descriptor of a new file that `clear` leaves alone while the descriptor is open, even if all else goes."""
        with self.locked():
            descriptor = self.create(name)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        return descriptor

    def _is_being_written(self, name: str) -> bool:
        """Whether somebody holds a file that `create_part` made; what a killed writer has left is held by nobody."""
        try:
            descriptor = self.open(name)
        except (FileNotFoundError, InvalidUri):
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def status(self, name: str) -> os.stat_result | None:
        """Return what is known of a regular file or a folder; None when there is neither."""
        try:
            found = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None

    def names(self) -> list[tuple[str, bool]]:
        """Return the visible names with whether each is a folder, in the order of their URIs (a folder's ends with `/`)."""
        with os.scandir(self._descriptor) as entries:
            found = [
                (f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name)
                for entry in entries
                if not entry.name.startswith(RESERVED) and not entry.is_symlink()
            ]
        return [(text.removesuffix("/"), text.endswith("/")) for text in sorted(found)]

    @contextmanager
    def locked(self) -> Generator[None, None, None]:
        """Keep other writers of this folder out for the length of the block."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def replace(self, name: str, target: "Folder", target_name: str) -> None:
        """Rename, replacing what is there."""
        os.replace(name, target_name, src_dir_fd=self._descriptor, dst_dir_fd=target._descriptor)  # noqa: SLF001 - another folder

    def remove(self, name: str) -> bool:
        """Remove a file; False when there is none."""
        try:
            os.unlink(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return False
        return True

    def remove_folder(self, name: str) -> bool:
        """Remove a folder that holds nothing; False when something is there still."""
        with suppress(OSError), self.inner((name,)) as inner, inner.locked():
            inner._remove_bare(METADATA)  # noqa: SLF001 - another folder
        return self._remove_bare(name)

    def _remove_bare(self, name: str) -> bool:
        try:
            os.rmdir(name, dir_fd=self._descriptor)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EBUSY}:
                return False
            raise
        return True

    def clear(self) -> int:
        """Remove all that lies below, but for what is being written now; return how many visible files went."""
        with self.locked():
            count = self._clear_files()
        for name in self._entries(folders=True):
            with suppress(FileNotFoundError, NotADirectoryError), self.inner((name,)) as inner:
                count += inner.clear()
            self._remove_bare(name)
        return count

    def _clear_files(self) -> int:
        """Remove all files of this folder with their metadata; return how many visible ones went."""
        count = 0
        for name in self._entries(folders=False):
            if not name.startswith(RESERVED):
                count += self.remove(name)
            elif not self._is_being_written(name):
                self.remove(name)
        with suppress(FileNotFoundError, NotADirectoryError), self.inner((METADATA,)) as hidden:
            hidden._clear_files()  # noqa: SLF001 - another folder
            self._remove_bare(METADATA)
        return count

    def _entries(self, *, folders: bool) -> list[str]:
        """Return all names, hidden ones too, but that of the folder for metadata."""
        with os.scandir(self._descriptor) as entries:
            return [entry.name for entry in entries if entry.name != METADATA and entry.is_dir(follow_symlinks=False) is folders]

    # -- metadata; call `change` and `drop` under the lock --------------------------------------------------------------

    def metadata(self, name: str) -> Mapping[str, str]:
        """Return the metadata of a file; empty when it has none."""
        try:
            with self.inner((METADATA,)) as hidden, os.fdopen(hidden.open(name), "rb") as file:
                known: dict[str, str] = orjson.loads(file.read())
        except FileNotFoundError:
            return {}
        return known

    def change_metadata(self, name: str, metadata: Mapping[str, str], temporary: str) -> None:
        """Write the metadata of a file, or drop it when it is empty."""
        if not metadata:
            with suppress(FileNotFoundError), self.inner((METADATA,)) as hidden:
                hidden.remove(name)
                self._remove_bare(METADATA)
            return
        with self.inner((METADATA,), create=True) as hidden:
            with os.fdopen(hidden.create(temporary), "wb") as file:
                file.write(orjson.dumps(dict(metadata)))
            hidden.replace(temporary, hidden, name)


def _open_folder(above: int, name: str, *, create: bool) -> int:
    try:
        return os.open(name, _OPEN_FOLDER, dir_fd=above)
    except FileNotFoundError:
        if not create:
            raise
    except OSError as error:
        raise _explained(error, above, name) from None
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=above)
    return os.open(name, _OPEN_FOLDER, dir_fd=above)


def _explained(error: OSError, above: int, name: str) -> OSError | InvalidUri:
    """Tell a link from a plain file in the way: platforms answer ELOOP or ENOTDIR for both."""
    with suppress(FileNotFoundError):
        if stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode):
            return InvalidUri(f"{name!r} is a symbolic link, which storage does not follow")
    return error
