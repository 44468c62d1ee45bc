"""The SDK's client, with the steps of an upload as verbs: its `put_object` leaves threads and parts behind when a stream breaks."""

from collections.abc import Iterator, Sequence
from itertools import islice

from minio import Minio
from minio.commonconfig import CopySource
from minio.datatypes import Object, Part, Upload
from urllib3.response import BaseHTTPResponse

from kestra_stream.errors import Unavailable

Headers = dict[str, str | list[str] | tuple[str]]


class S3Client(Minio):
    """The client. Thread-safe."""

    def place_buckets(self, *, in_host: bool) -> None:
        """Choose whether the name of a bucket stands in the host's or in the path."""
        self._base_url.virtual_style_flag = in_host

    def put(self, bucket: str, key: str, content: bytes, metadata: Headers | None) -> None:
        """Store a file in one request."""
        self._put_object(bucket, key, content, _with_type(metadata))

    def begin(self, bucket: str, key: str, metadata: Headers | None) -> str:
        """Begin an upload in parts; return its id."""
        return self._create_multipart_upload(bucket, key, _with_type(metadata))

    def send_part(self, bucket: str, key: str, upload: str, number: int, content: bytes) -> Part:
        """Send a part."""
        return Part(number, self._upload_part(bucket, key, content, None, upload, number))

    def complete(self, bucket: str, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Make a file of the parts.

        Raises:
            Unavailable: the server began its answer well and ended it with an error.
        """
        if not self._complete_multipart_upload(bucket, key, upload, list(parts)).etag:
            raise Unavailable("The storage could not put the parts of a file together; try again")

    def abort(self, bucket: str, key: str, upload: str) -> None:
        """Give up an upload; its parts are freed."""
        self._abort_multipart_upload(bucket, key, upload)

    def uploads(self, bucket: str, prefix: str) -> Iterator[Upload]:
        """Uploads that were begun and neither completed nor aborted."""
        marker: str | None = None
        while True:
            page = self._list_multipart_uploads(bucket, key_marker=marker, prefix=prefix)
            yield from page.uploads
            if not page.is_truncated or not page.next_key_marker:
                return
            marker = page.next_key_marker

    def open_object(self, bucket: str, key: str, start: int, end: int | None, etag: str | None) -> BaseHTTPResponse:
        """Begin to read bytes `start` to `end` (exclusive) of a file, of this version if one is given."""
        headers: Headers = {} if etag is None else {"If-Match": etag}
        if start or end is not None:
            headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
        return self.get_object(bucket, key, request_headers=headers)

    def first_keys(self, bucket: str, prefix: str, most: int) -> list[Object]:
        """The first keys that start so."""
        found = self._list_objects(bucket, prefix=prefix, max_keys=most, encoding_type="url")
        return list(islice(found, most))

    def copy(self, bucket: str, source: str, target: str, metadata: Headers | None) -> None:
        """Copy a file inside the server, of any size."""
        self.copy_object(bucket, target, CopySource(bucket, source), metadata=metadata, metadata_directive="REPLACE")


def _with_type(metadata: Headers | None) -> Headers:
    headers: Headers = {f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}
    headers["Content-Type"] = "application/octet-stream"
    return headers
