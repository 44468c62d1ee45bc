"""Splitting a stored file into parts: by size, by number of parts, by rows, or by what a pattern finds in each row."""

import tempfile
from array import array
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack

import regex

from kestra_stream.errors import Invalid, KestraError
from kestra_stream.expression.filters.regexes import compiled
from kestra_stream.plugin.api import FileWriter, RunContext

_UNITS: Mapping[str, int] = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "KIB": 1024, "MIB": 1024**2, "GIB": 1024**3}
_BLOCK = 1 << 20
_MOST_OPEN = 64
"""Files that are written side by side; more parts than these are written one after the other."""
_LONGEST_SEARCH = 1.0


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
        if parts > _MOST_OPEN:
            return self._by_key((place % parts, row) for place, row in enumerate(rows))
        with ExitStack() as stack:
            for place, row in enumerate(rows):
                if len(self._writers) < parts:
                    self._open(stack)
                self._writers[place % parts].write(row)
        return self._uris()

    def by_pattern(self, rows: Iterator[bytes], pattern: str) -> list[str]:
        """One part for each text that the pattern (its first group, if it has one) finds; rows without one are left out.

        Raises:
            Invalid: it is no regular expression, or takes too long for a row.
        """
        try:
            wanted = compiled(pattern)
        except ValueError as error:
            raise Invalid(f"regexPattern: {error}") from None
        found = ((_found(wanted, row), row) for row in rows)
        return self._by_key((key, row) for key, row in found if key is not None)

    def _by_key(self, rows: Iterator[tuple[Hashable, bytes]]) -> list[str]:
        """One part for each key, in the order of their first rows; one file is open, however many keys there are."""
        spans: dict[Hashable, array[int]] = {}
        with tempfile.TemporaryFile() as spool:
            end = 0
            for key, row in rows:
                start, end = end, end + len(row)
                known = spans.setdefault(key, array("Q"))
                if known and known[-1] == start and end - known[-2] <= _BLOCK:
                    known[-1] = end
                else:
                    known.extend((start, end))
                spool.write(row)
            for known in spans.values():
                with ExitStack() as stack:
                    self._open(stack)
                    for start, stop in zip(known[::2], known[1::2], strict=True):
                        spool.seek(start)
                        self._writers[-1].write(spool.read(stop - start))
        return self._uris()

    def _open(self, stack: ExitStack) -> FileWriter:
        writer = stack.enter_context(self._context.files.writer(self._name(len(self._writers) + 1)))
        self._writers.append(writer)
        return writer

    def _uris(self) -> list[str]:
        return [writer.uri for writer in self._writers]


def _found(wanted: "regex.Pattern[str]", row: bytes) -> str | None:
    """Return the text that a pattern finds in a row, if it does. Raises Invalid when that takes too long."""
    try:
        match = wanted.search(row.decode("utf-8", "replace"), timeout=_LONGEST_SEARCH)
    except TimeoutError:
        raise Invalid(f"regexPattern: `{wanted.pattern[:200]}` takes more than {_LONGEST_SEARCH:g} s for one row") from None
    if match is None:
        return None
    return match[1] if wanted.groups else match[0]
