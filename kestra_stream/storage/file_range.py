"""A part of an open file as a stream of its own."""

import io
import os
from typing import BinaryIO


class FileRange(io.RawIOBase):
    """Bytes `start` to `end` (exclusive; None: to the end) of a descriptor, which it closes."""

    def __init__(self, descriptor: int, start: int, end: int | None) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._position = start
        self._end = end

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer has no length
        """Fill the buffer as far as the range goes; 0 at its end."""
        wanted = len(buffer) if self._end is None else min(len(buffer), self._end - self._position)
        piece = os.pread(self._descriptor, wanted, self._position)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        """Close the descriptor, once."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()


def file_range(descriptor: int, start: int, end: int | None) -> BinaryIO:
    """Return a buffered stream over a part of an open file; start >= 0 and end >= start."""
    return io.BufferedReader(FileRange(descriptor, start, end))
