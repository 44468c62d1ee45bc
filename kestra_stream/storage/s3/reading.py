"""A file in a bucket as a stream: pieces come as they are read, and a connection that breaks on the way is made again where it broke."""

import io
from collections.abc import Callable
from typing import BinaryIO

from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse

from kestra_stream.errors import KestraError

_BUFFER = 256 * 1024
_MOST_BREAKS = 5

Opener = Callable[[int, str | None], BaseHTTPResponse]


class ObjectStream(io.RawIOBase):
    """Reads an answer that may break.

    Args:
        response: the answer, from the first wanted byte on.
        position: of that byte in the file.
        reopen: gives the answer from a position on, of the version with this tag.
        explain: turns the client's error into ours.
    """

    def __init__(self, response: BaseHTTPResponse, position: int, reopen: Opener, explain: Callable[[Exception], KestraError]) -> None:
        super().__init__()
        self._response = response
        self._position = position
        self._reopen = reopen
        self._explain = explain
        self._tag = response.headers.get("etag")
        self._breaks = 0

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        """Fill the buffer as far as something has come; 0 at the end."""
        while True:
            try:
                piece = self._response.read(len(buffer))
            except (HTTPError, OSError) as error:
                self._breaks += 1
                if self._breaks > _MOST_BREAKS:
                    raise (self._explain(error) if isinstance(error, HTTPError) else error) from None
                self._response.close()
                self._response = self._reopen(self._position, self._tag)
            else:
                self._breaks = 0 if piece else self._breaks
                buffer[: len(piece)] = piece
                self._position += len(piece)
                return len(piece)

    def close(self) -> None:
        """Give the connection back, once."""
        if not self.closed:
            self._response.close()
            self._response.release_conn()
        super().close()


def buffered(stream: ObjectStream) -> BinaryIO:
    """Return the stream with a buffer in front."""
    return io.BufferedReader(stream, _BUFFER)
