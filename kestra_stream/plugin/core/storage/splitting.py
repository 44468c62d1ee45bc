"""Splitting a stored file into parts: by size, by number of parts, by rows, or by what a pattern finds in each row."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import regex

from kestra_stream.errors import KestraError
from kestra_stream.plugin.api import FileWriter, RunContext

_UNITS: Mapping[str, int] = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
_BLOCK = 1 << 20


def byte_count(text: str) -> int:
    """Read a size such as `500`, `10MB` or `1 GiB`. Raises KestraError for anything else."""
    match = regex.fullmatch(r"\s*(\d+)\s*([a-zA-Z]*)\s*", text)
    unit = (match[2].upper() or "B") if match is not None else ""
    if match is None or unit not in _UNITS or int(match[1]) == 0:
        raise KestraError(f"`{text}` is not a size such as 500KB or 10MB")
    return int(match[1]) * _UNITS[unit]


def rows_of(context: RunContext, uri: str, separator: str) -> Iterator[bytes]:
    """Yield the rows of a file, each with its separator. Raises KestraError for an empty separator."""
    mark = separator.encode()
    if not mark:
        raise KestraError("the separator of rows is empty")
    rest = bytearray()
    with context.files.open(uri) as source:
        while block := source.read(_BLOCK):
            seen = max(len(rest) - len(mark) + 1, 0)
            rest += block
            # a row that goes over many blocks is looked through once
            if rest.find(mark, seen) >= 0:
                *rows, rest = rest.split(mark)
                for row in rows:
                    yield bytes(row) + mark
    if rest:
        yield bytes(rest) + mark


class Parts:
    """Writes rows into numbered parts, each stored as a file of its own.

    Args:
        name: gives the name of a part by its 1-based number.
    """

    def __init__(self, context: RunContext, name: Callable[[int], str]) -> None:
        self._context = context
        self._name = name
        self._writers: list[FileWriter] = []

    def by_size(self, rows: Iterator[bytes], limit: int) -> list[str]:
        """Begin a new part before the row that would make the present one too big."""
        size = 0
        with ExitStack() as stack:
            for row in rows:
                if not self._writers or size + len(row) > limit:
                    stack.close()
                    self._open(stack)
                    size = 0
                self._writers[-1].write(row)
                size += len(row)
        return self._uris()

    def by_rows(self, rows: Iterator[bytes], most: int) -> list[str]:
        """Begin a new part after so many rows."""
        with ExitStack() as stack:
            for place, row in enumerate(rows):
                if place % most == 0:
                    stack.close()
                    self._open(stack)
                self._writers[-1].write(row)
        return self._uris()

    def round_robin(self, rows: Iterator[bytes], parts: int) -> list[str]:
        """Deal rows out to so many parts; a part that would get none is not made."""
        with ExitStack() as stack:
            for place, row in enumerate(rows):
                if len(self._writers) < parts:
                    self._open(stack)
                self._writers[place % parts].write(row)
        return self._uris()

    def by_pattern(self, rows: Iterator[bytes], pattern: str) -> list[str]:
        """One part for each text that the pattern (its first group, if it has one) finds; rows without one are left out."""
        compiled = regex.compile(pattern)
        by_key: dict[str, FileWriter] = {}
        with ExitStack() as stack:
            for row in rows:
                match = compiled.search(row.decode("utf-8", "replace"), timeout=1)
                if match is not None:
                    key = match[1] if compiled.groups else match[0]
                    if key not in by_key:
                        by_key[key] = self._open(stack)
                    by_key[key].write(row)
        return self._uris()

    def _open(self, stack: ExitStack) -> FileWriter:
        writer = stack.enter_context(self._context.files.writer(self._name(len(self._writers) + 1)))
        self._writers.append(writer)
        return writer

    def _uris(self) -> list[str]:
        return [writer.uri for writer in self._writers]
