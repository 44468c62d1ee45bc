"""Storage in a bucket: one object a file, under the key that its tenant and path say."""

import io
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from heapq import heappop, heappush
from itertools import islice
from typing import BinaryIO

from minio.datatypes import Object
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from urllib3.response import BaseHTTPResponse

from kestra_stream.errors import Invalid, InvalidUri, NotFound, Unavailable
from kestra_stream.storage.interface import FileAttributes
from kestra_stream.storage.s3.client import S3Client
from kestra_stream.storage.s3.faults import ABSENT, explained, translated
from kestra_stream.storage.s3.keys import Keys, LazyMetadata, as_headers, from_headers, is_deletable_in_bulk
from kestra_stream.storage.s3.place import Place
from kestra_stream.storage.s3.reading import ObjectStream, buffered
from kestra_stream.storage.s3.upload import Uploader
from kestra_stream.storage.uri import StoragePath, check_tenant, file_path, parse, place_to_change

_PAGE = 1000
_BEYOND_THE_END = "InvalidRange"
_CHANGED = "PreconditionFailed"
_OURS_ALREADY = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


class S3Storage:
    """Files in a bucket. Thread-safe; any number of processes may share the bucket.

    Args:
        place: what messages say of it.
        keys: where in the bucket everything lies.
        uploader: sends files.
    """

    def __init__(self, client: S3Client, place: Place, keys: Keys, uploader: Uploader) -> None:
        self._client = client
        self._place = place
        self._bucket = place.bucket
        self._keys = keys
        self._uploader = uploader

    def __repr__(self) -> str:
        return f"S3Storage({self._place.address}/{self._bucket}/{self._keys.prefix})"

    def check(self, *, create: bool = False) -> None:
        """Make sure that the bucket is there and can be used; make it when it is not and `create` says so.

        Raises:
            Invalid: it is not there, or these credentials may not use it.
            Unavailable: the server does not answer.
        """
        with translated(self._place):
            try:
                self._client.first_keys(self._bucket, self._keys.prefix, 1)
            except S3Error as error:
                if error.code != "NoSuchBucket" or not create:
                    raise
                self._make_bucket()

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file; the server sends as fast as the caller reads."""
        if start < 0 or (end is not None and end < start):
            raise Invalid(f"bytes {start} to {end} are no range")
        path = parse(uri)
        check_tenant(tenant)
        if path.is_folder:
            raise NotFound(f"there is no file at {uri}")
        key = self._keys.file(tenant, path)
        if start == end:
            if self._stat(key, uri) is None:
                raise NotFound(f"there is no file at {uri}")
            return io.BytesIO()
        with translated(self._place, uri):
            try:
                response = self._client.open_object(self._bucket, key, start, end, None)
            except S3Error as error:
                if error.code == _BEYOND_THE_END:
                    return io.BytesIO()
                raise
        return buffered(
            ObjectStream(
                response,
                start,
                lambda position, tag: self._reopened(key, uri, position, end, tag),
                lambda error: explained(error, self._place, uri),
            )
        )

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        """Send it in one request or in parts; it is seen once the server has all of it."""
        path = file_path(uri)
        key = self._keys.file(tenant, path)
        headers = as_headers(metadata)
        with translated(self._place, uri):
            self._uploader.send(key, content, headers)
        return path.uri

    def attributes(self, tenant: str, uri: str) -> FileAttributes | None:
        """Ask for the file, and when there is none for the first key below the folder."""
        path = parse(uri)
        check_tenant(tenant)
        if not path.is_folder:
            found = self._stat(self._keys.file(tenant, path), uri)
            if found is not None:
                metadata = from_headers(dict(found.metadata.items())) if found.metadata else {}
                return FileAttributes(path.uri, found.size or 0, _modified(found), metadata=metadata)
        folder = self._keys.folder(tenant, path)
        with translated(self._place, uri):
            inside = [found for found in self._client.first_keys(self._bucket, folder, 2) if _is_file(found)]
        if not inside:
            return None
        return FileAttributes(StoragePath(path.names, is_folder=True).uri, 0, _modified(inside[0]), is_folder=True)

    def list(self, tenant: str, uri: str, *, recursive: bool = False) -> Iterator[FileAttributes]:
        """Page by page; metadata is asked for when somebody looks at it."""
        folder = self._keys.folder(tenant, parse(uri))
        return self._listed(tenant, folder, uri, recursive=recursive)

    def delete(self, tenant: str, uri: str) -> int:
        """Delete a file, or what is below a folder a thousand at a time."""
        path = place_to_change(uri)
        key = self._keys.file(tenant, path)
        if not path.is_folder and self._stat(key, uri) is not None:
            with translated(self._place, uri):
                self._client.remove_object(self._bucket, key)
            return 1
        gone = 0
        found = self._keys_below(f"{key}/", uri)
        while page := list(islice(found, _PAGE)):
            self._delete(page, uri)
            gone += sum(not name.endswith("/") for name in page)
        return gone

    def move(self, tenant: str, source: str, target: str) -> str:
        """Copy inside the server, then delete; a folder goes file by file."""
        origin, aim = place_to_change(source), place_to_change(target)
        old, new = self._keys.file(tenant, origin), self._keys.file(tenant, aim)
        found = self.attributes(tenant, source)
        if found is None:
            raise NotFound(f"there is nothing at {source}")
        if not found.is_folder:
            file_path(target)
            if old != new:
                self._move_file(old, new, source)
        elif aim.names != origin.names:
            if aim.names[: len(origin.names)] == origin.names:
                raise InvalidUri(f"{source} cannot be moved into itself")
            for key in self._keys_below(f"{old}/", source):
                self._move_file(key, f"{new}/{key.removeprefix(f'{old}/')}", source)
        return StoragePath(aim.names, found.is_folder).uri

    def remove_unfinished(self, before: datetime) -> int:
        """Abort uploads that were begun before a moment and never completed."""
        gone = 0
        with translated(self._place):
            for upload in list(self._client.uploads(self._bucket, self._keys.prefix)):
                if upload.upload_id and upload.initiated_time is not None and upload.initiated_time < before:
                    with suppress(S3Error):  # somebody else was faster
                        self._client.abort(self._bucket, upload.object_name, upload.upload_id)
                        gone += 1
        return gone

    def close(self) -> None:
        """End the threads of uploads."""
        self._uploader.close()

    def _make_bucket(self) -> None:
        try:
            self._client.make_bucket(self._bucket)
        except S3Error as error:
            if error.code not in _OURS_ALREADY:
                raise

    def _stat(self, key: str, uri: str) -> Object | None:
        with translated(self._place, uri):
            try:
                return self._client.stat_object(self._bucket, key)
            except S3Error as error:
                if error.code in ABSENT:
                    return None
                raise

    def _reopened(self, key: str, uri: str, position: int, end: int | None, tag: str | None) -> BaseHTTPResponse:
        with translated(self._place, uri):
            try:
                return self._client.open_object(self._bucket, key, position, end, tag)
            except S3Error as error:
                if error.code in {_CHANGED, _BEYOND_THE_END, *ABSENT}:
                    raise Unavailable(f"the connection broke while {uri} was read, and the file has changed since; read it again") from None
                raise

    def _listed(self, tenant: str, folder: str, uri: str, *, recursive: bool) -> Iterator[FileAttributes]:
        with translated(self._place, uri):
            for found in _in_order(self._client.list_objects(self._bucket, folder, recursive=recursive)):
                name = found.object_name or ""
                address = self._keys.uri(tenant, name)
                if name == folder or (recursive and not _is_file(found)):
                    continue
                with suppress(InvalidUri):
                    parse(address)
                    yield self._described(name, address, found)

    def _described(self, key: str, address: str, found: Object) -> FileAttributes:
        if not _is_file(found):
            return FileAttributes(address, 0, _modified(found), is_folder=True)
        return FileAttributes(address, found.size or 0, _modified(found), metadata=LazyMetadata(lambda: self._metadata(key, address)))

    def _metadata(self, key: str, uri: str) -> Mapping[str, str]:
        found = self._stat(key, uri)
        return from_headers(dict(found.metadata.items())) if found is not None and found.metadata else {}

    def _keys_below(self, prefix: str, uri: str) -> Iterator[str]:
        with translated(self._place, uri):
            for found in self._client.list_objects(self._bucket, prefix, recursive=True):
                yield found.object_name or ""

    def _delete(self, keys: Iterable[str], uri: str) -> None:
        names = list(keys)
        with translated(self._place, uri):
            for error in self._client.remove_objects(self._bucket, [DeleteObject(key) for key in names if is_deletable_in_bulk(key)]):
                raise Unavailable(f"not all of {uri} could be deleted ({error.code}: {error.message}); delete it again")
            for key in names:
                if not is_deletable_in_bulk(key):
                    self._client.remove_object(self._bucket, key)

    def _move_file(self, old: str, new: str, uri: str) -> None:
        with translated(self._place, uri):
            found = self._client.stat_object(self._bucket, old)
            metadata = from_headers(dict(found.metadata.items())) if found.metadata else None
            self._client.copy(self._bucket, old, new, as_headers(metadata))
            self._client.remove_object(self._bucket, old)


def _in_order(found: Iterable[Object]) -> Iterator[Object]:
    """Sort what a list gives by its name: a page has first its files, then its folders, and at most a thousand of both."""
    waiting: list[tuple[str, int, Object]] = []
    for number, item in enumerate(found):
        heappush(waiting, (item.object_name or "", number, item))
        if len(waiting) > _PAGE:
            yield heappop(waiting)[-1]
    while waiting:
        yield heappop(waiting)[-1]


def _is_file(found: Object) -> bool:
    return not (found.object_name or "").endswith("/")


def _modified(found: Object) -> datetime:
    return found.last_modified or datetime.fromtimestamp(0, UTC)
