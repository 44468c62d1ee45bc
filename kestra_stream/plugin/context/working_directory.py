"""The directory of an attempt: made when first asked for, removed with all that lies in it."""

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from kestra_stream.errors import Invalid
from kestra_stream.plugin.context.globs import matcher

OWN = ".kestra-"
"""Names of files and folders that the engine makes for itself start so."""

_SHOWN = 100


class AttemptDirectory:
    """A private directory below `root` (the system's temporary folder by default)."""

    __slots__ = ("_path", "_root")

    def __init__(self, root: Path | None = None) -> None:
        self._root = root
        self._path: Path | None = None

    @property
    def is_made(self) -> bool:
        """Whether anybody has asked for it."""
        return self._path is not None

    @property
    def path(self) -> Path:
        """Its absolute path."""
        if self._path is None:
            if self._root is not None:
                self._root.mkdir(parents=True, exist_ok=True)
            self._path = Path(tempfile.mkdtemp(prefix="kestra-", dir=self._root)).resolve()
        return self._path

    def resolve(self, name: str) -> Path:
        """The path of a file in it; `name` is relative and stays inside, also through links."""
        return inside(self.path, name)

    def find(self, patterns: Sequence[str]) -> Sequence[Path]:
        """Files that match the globs, sorted; links that lead outside are left out."""
        return find_files(self.path, patterns)

    def write(self, name: str, content: bytes | IO[bytes]) -> Path:
        """Create a file in it, parent folders included."""
        target = self.resolve(name)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            file = target.open("wb")
        except OSError as error:
            raise Invalid(f"'{name[:_SHOWN]}' cannot be created in the working directory: {error.strerror}") from None
        with file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file)
        return target

    def remove(self) -> None:
        """Delete it, whatever rights a script has left on its files."""
        path, self._path = self._path, None
        if path is not None:
            shutil.rmtree(path, onerror=_retry_with_rights)


def inside(folder: Path, name: str) -> Path:
    """Return the path of `name` below the folder.

    Raises:
        Invalid: an absolute path, or one that leads outside.
    """
    relative = PurePosixPath(name)
    if not name or "\0" in name or relative.is_absolute() or ".." in relative.parts:
        raise Invalid(f"'{name}' must be a relative path without '..'")
    target = folder / relative
    if not target.resolve().is_relative_to(folder.resolve()):
        raise Invalid(f"'{name}' leads outside of the working directory")
    return target


def find_files(folder: Path, patterns: Sequence[str]) -> Sequence[Path]:
    """Return the files below a folder whose relative path matches a glob, sorted; what starts with `.kestra-` is left out."""
    prefix = f"{folder}/"
    is_wanted = matcher([pattern.removeprefix(prefix) for pattern in patterns])
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(OWN)]
        for name in names:
            path = Path(place, name)
            if (
                not name.startswith(OWN)
                and is_wanted(path.relative_to(folder).as_posix())
                and path.is_file()
                and path.resolve().is_relative_to(folder)
            ):
                found.append(path)
    return sorted(found)


def _retry_with_rights(action: Callable[..., object], path: str, _: object) -> None:
    """A script may have taken its own rights away: give them back and try once more; what still resists is left to the system."""
    for place in (Path(path).parent, Path(path)):
        try:
            place.chmod(place.lstat().st_mode | stat.S_IRWXU)
        except OSError:
            continue
    try:
        if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114 - text from rmtree
            shutil.rmtree(path, ignore_errors=True)
        elif action is not os.rmdir:
            os.unlink(path)  # noqa: PTH108 - text from rmtree
    except OSError:
        return
