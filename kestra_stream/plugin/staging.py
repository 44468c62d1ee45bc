"""Files on their way into a working directory and out of it: input files, namespace files, output files, and the cache of a directory."""

import os
import re
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from kestra_stream.errors import Invalid
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext
from kestra_stream.plugin.namespace_files import NamespaceFilesOption
from kestra_stream.plugin.text import as_text
from kestra_stream.storage.interface import FileAttributes
from kestra_stream.storage.uri import SCHEME, cache_folder

STORED = re.compile(r"kestra:///[-\w%.+~#=/]*")
_STORED_AT = "stored-at"
FETCHED = ".kestra-files"
"""Folder of the working directory for copies of stored files; what starts with `.kestra-` is no output."""


def put_input_files(context: RunContext, files: Property[object] | None, extra: Mapping[str, object] | None = None) -> None:
    """Create the files of a map (or JSON text of one) from names to contents: text, a storage URI, or null for an empty file.

    Raises:
        Invalid: no such map, or a name that leads outside of the directory.
    """
    rendered = context.render(files, extra)
    for name, content in _as_map(rendered).items():
        text = as_text(content)
        if STORED.fullmatch(text.strip()):
            with context.files.open(text.strip()) as stored:
                context.working_directory.write(str(name), stored)
        else:
            context.working_directory.write(str(name), text.encode())


def put_namespace_files(context: RunContext, option: NamespaceFilesOption | None) -> None:
    """Copy the files of namespaces that an option asks for; those of later namespaces win."""
    if option is None or not option.enabled:
        return
    for written in option.namespaces or (context.info.namespace,):
        namespace = context.render(written)
        folder = context.namespace_files(namespace)
        for path in folder.list(option.include or ("**",), option.exclude):
            name = path.lstrip("/")
            with folder.open(path) as content:
                context.working_directory.write(f"{namespace}/{name}" if option.folder_per_namespace else name, content)


def stored_output_files(
    context: RunContext, patterns: Property[list[str]] | None, extra: Mapping[str, object] | None = None
) -> dict[str, str]:
    """Store the files that match the globs; return their relative names with their storage URIs."""
    wanted = context.render(patterns, extra)
    if not wanted:
        return {}
    return stored_files(context, context.working_directory.path, context.working_directory.find(wanted))


def stored_files(context: RunContext, folder: Path, paths: Iterable[Path]) -> dict[str, str]:
    """Store files; return their names relative to a folder with their storage URIs."""
    stored = {}
    for path in paths:
        name = path.relative_to(folder).as_posix()
        stored[name] = context.files.put(path, name)
    return stored


def with_local_copies(context: RunContext, text: str) -> str:
    """Return a text in which every `kestra:///` URI is replaced by the path of a local copy."""

    def copy(found: re.Match[str]) -> str:
        uri = found[0].rstrip(".")
        with context.files.open(uri) as stored:
            local = context.working_directory.write(f"{FETCHED}/{uri.removeprefix(SCHEME).lstrip('/')}", stored)
        return str(local) + found[0][len(uri) :]

    return STORED.sub(copy, text) if SCHEME in text else text


def dated(now: datetime) -> Mapping[str, str]:
    """Return the metadata by which a cached file tells its age: the storage's own clock is another one."""
    return {_STORED_AT: now.isoformat()}


def stored_at(file: FileAttributes) -> datetime:
    """Tell when a cached file was stored."""
    known = {name.lower(): text for name, text in file.metadata.items()}
    return datetime.fromisoformat(known[_STORED_AT]) if _STORED_AT in known else file.modified_at


class DirectoryCacheStore:
    """The cache of a working directory: files that match patterns, zipped, in the storage folder of the task."""

    def __init__(self, context: RunContext) -> None:
        info = context.info
        self._context = context
        self._uri = f"{cache_folder(info.namespace, info.flow_id, info.task_id, info.value)}cache.zip"

    def restore(self, ttl: timedelta | None) -> bool:
        """Unpack the cache into the directory; one older than `ttl` is deleted. Tell whether there was one."""
        storage, tenant = self._context.engine.storage, self._context.info.tenant_id
        attributes = storage.attributes(tenant, self._uri)
        if attributes is None:
            return False
        if ttl is not None and stored_at(attributes) + ttl <= self._context.now():
            storage.delete(tenant, self._uri)
            return False
        with storage.get(tenant, self._uri) as stored, tempfile.TemporaryFile() as local:
            while chunk := stored.read(1024 * 1024):
                local.write(chunk)
            with zipfile.ZipFile(local) as archive:
                for entry in archive.infolist():
                    if not entry.is_dir():
                        self._unpack(archive, entry)
        return True

    def save(self, patterns: Sequence[str]) -> int:
        """Pack the files that match; return how many. Nothing is stored when none does."""
        directory = self._context.working_directory
        paths = directory.find(patterns)
        if not paths:
            return 0
        with tempfile.TemporaryFile() as local:
            with zipfile.ZipFile(local, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in paths:
                    archive.write(path, path.relative_to(directory.path).as_posix())
            local.seek(0)
            self._context.engine.storage.put(self._context.info.tenant_id, self._uri, local, dated(self._context.now()))
        return len(paths)

    def _unpack(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
        with archive.open(entry) as file:
            path = self._context.working_directory.write(entry.filename, file)
        mode = entry.external_attr >> 16
        if mode:
            os.chmod(path, mode & 0o777)  # noqa: PTH101 - text and Path alike


def _as_map(value: object) -> Mapping[str, object]:
    if value is None:
        return {}
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise Invalid("inputFiles must be a map of names to contents, or JSON text of one") from None
    if not isinstance(value, Mapping):
        raise Invalid("inputFiles must be a map of names to contents")
    return value
