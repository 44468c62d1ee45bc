"""Bytes of a stream, in any pieces -> lines of bounded size."""

from collections.abc import Callable

from kestra_stream.plugin.text import MAX_LINE

TEXT_BYTES = 5 * MAX_LINE
"""Kept of a line: enough for as many characters as a log line keeps, whatever they are."""
PROTOCOL_BYTES = 16 * 1024 * 1024
"""Kept of a line that starts as a message to the engine."""
PROTOCOL_START = b"::{"

Line = Callable[[bytes, int], None]
"""(content without the line end, how many bytes at its end were thrown away)"""


class LineSplitter:
    """Feeds lines to a function; never holds more than one line, cut to the size that is kept."""

    __slots__ = ("_buffer", "_cut", "_line")

    def __init__(self, line: Line) -> None:
        self._line = line
        self._buffer = bytearray()
        self._cut = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._append(data[start:end])
            self._end_line()
            start = end + 1
        self._append(data[start:])

    def close(self) -> None:
        """The stream is over: a last line without an end is a line too."""
        if self._buffer or self._cut:
            self._end_line()

    def _append(self, piece: bytes) -> None:
        if not self._cut:
            limit = PROTOCOL_BYTES if (self._buffer[:3] + piece[:3]).startswith(PROTOCOL_START) else TEXT_BYTES
            kept = piece[: max(limit - len(self._buffer), 0)]
            self._buffer += kept
            piece = piece[len(kept) :]
        self._cut += len(piece)

    def _end_line(self) -> None:
        content = bytes(self._buffer[:-1] if self._buffer.endswith(b"\r") and not self._cut else self._buffer)
        cut, self._cut = self._cut, 0
        self._buffer.clear()
        self._line(content, cut)
