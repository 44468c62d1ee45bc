"""A stream of any length -> one file that is there as a whole or not at all, with a few parts of it in memory."""

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import BinaryIO

from minio.datatypes import Part
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from kestra_stream.errors import Invalid
from kestra_stream.storage.s3.client import Headers, S3Client
from kestra_stream.storage.s3.faults import FOLDER_OR_FILE
from kestra_stream.storage.s3.place import Place

LEAST_PART = 5 * 1024 * 1024
MOST_PARTS = 10_000
_THREADS = 16
_TURNS = 4
_MOMENT = 0.01


class Uploader:
    """Sends files to one bucket. Thread-safe; its threads are made when the first large file comes.

    Args:
        part_size: bytes of a part; a file of at most so many goes in one request.
        parallel: parts of one file that are on their way at once.
    """

    def __init__(self, client: S3Client, bucket: str, part_size: int, parallel: int, place: Place) -> None:
        self._client = client
        self._bucket = bucket
        self._part_size = part_size
        self._parallel = parallel
        self._place = place
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="storage-upload")

    def send(self, key: str, content: BinaryIO | bytes, metadata: Headers | None) -> None:
        """Store a stream or bytes under a key; when it fails, nothing of it is left."""
        pieces = _parts(content, self._part_size)
        first = next(pieces)
        second = next(pieces, None)
        if second is None:
            _patiently(lambda: self._client.put(self._bucket, key, first, metadata))
            return
        upload = self._client.begin(self._bucket, key, metadata)
        under_way: deque[Future[Part]] = deque()
        try:
            parts = self._send_parts(key, upload, _chained(first, second, pieces), under_way)
            _patiently(lambda: self._client.complete(self._bucket, key, upload, parts))
        except BaseException:
            # also when the task's thread is interrupted: a part that lands later would stay for ever
            self._give_up(key, upload, under_way)
            raise

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _send_parts(self, key: str, upload: str, pieces: Iterator[bytes], under_way: deque[Future[Part]]) -> list[Part]:
        parts: list[Part] = []
        for number, piece in enumerate(pieces, start=1):
            if number > MOST_PARTS:
                raise Invalid(
                    f"the file is larger than {MOST_PARTS} parts of {self._part_size} bytes; raise {self._place.setting('part-size')}"
                )
            if len(under_way) == self._parallel:
                parts.append(under_way.popleft().result())
            under_way.append(self._threads.submit(self._client.send_part, self._bucket, key, upload, number, piece))
        while under_way:
            parts.append(under_way.popleft().result())
        return parts

    def _give_up(self, key: str, upload: str, under_way: deque[Future[Part]]) -> None:
        for future in under_way:
            future.cancel()
        for future in under_way:
            if not future.cancelled():
                with suppress(Exception):
                    future.result()
        # one that cannot be aborted now is found by its age
        with suppress(MinioException, HTTPError, ValueError):
            self._client.abort(self._bucket, key, upload)


def _patiently(store: Callable[[], None]) -> None:
    """Store; a server on a disk may say that a name is taken while somebody else's delete tidies its folder away."""
    for turn in range(_TURNS):
        try:
            return store()
        except S3Error as error:
            if error.code not in FOLDER_OR_FILE:
                raise
            time.sleep(_MOMENT * turn)
    return store()


def _chained(first: bytes, second: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from others


def _parts(content: BinaryIO | bytes, size: int) -> Iterator[bytes]:
    """Cut into parts of a size, the last one shorter; one empty part for nothing."""
    if isinstance(content, bytes | bytearray | memoryview):
        whole = memoryview(content).cast("B")
        for start in range(0, max(len(whole), 1), size):
            yield bytes(whole[start : start + size])
        return
    part = _full(content, size)
    yield part
    while len(part) == size:
        part = _full(content, size)
        if part:
            yield part


def _full(content: BinaryIO, size: int) -> bytes:
    """Read so many bytes, fewer at the end only."""
    piece = content.read(size)
    if len(piece) == size or not piece:
        return piece
    pieces = [piece]
    left = size - len(piece)
    while left and (piece := content.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
