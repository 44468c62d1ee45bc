"""What every storage promises of large files and of many; `storage` has the suite."""

import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import BinaryIO, cast

import pytest

from kestra_stream.storage.interface import LeavesUnfinished, Storage

TENANT = "main"
FOLDER = "kestra:///company/team/"
FILE = f"{FOLDER}large.bin"
MEBIBYTE = 1024 * 1024
# more than one part wherever files travel in parts, and no whole number of them
LARGE = 23 * MEBIBYTE + 12345
MANY = 1105


class LargeFiles:
    """Streams that are longer than what anybody wants in memory."""

    def test_a_large_stream_comes_back_as_it_was(self, storage: Storage) -> None:
        """Byte for byte, with its metadata, whatever parts it travelled in."""
        storage.put(TENANT, FILE, stream(LARGE), {"by": "me"})
        with storage.get(TENANT, FILE) as file:
            assert_is_stream(file, 0, LARGE)
        found = storage.attributes(TENANT, FILE)
        assert found is not None
        assert (found.size, found.metadata) == (LARGE, {"by": "me"})

    @pytest.mark.parametrize(
        ("start", "end"),
        [
            (5 * MEBIBYTE - 1, 5 * MEBIBYTE + 1),
            (LARGE - 1, LARGE),
            (LARGE - 1, None),
            (LARGE, None),
            (LARGE + 1, LARGE + 2),
            (10 * MEBIBYTE, LARGE + MEBIBYTE),
        ],
    )
    def test_a_range_of_a_large_file_is_read_alone(self, storage: Storage, start: int, end: int | None) -> None:
        """Over the border of parts, at the end and beyond it."""
        storage.put(TENANT, FILE, stream(LARGE))
        with storage.get(TENANT, FILE, start, end) as file:
            assert_is_stream(file, start, min(LARGE, LARGE if end is None else end))

    def test_a_stream_that_gives_little_at_a_time_is_stored_whole(self, storage: Storage) -> None:
        """A read may give fewer bytes than were asked for; only none at all is the end."""
        size = 6 * MEBIBYTE
        storage.put(TENANT, FILE, stream(size, at_most=70_001))
        with storage.get(TENANT, FILE) as file:
            assert_is_stream(file, 0, size)

    def test_a_large_stream_never_lies_in_memory(self, storage: Storage) -> None:
        """200 MB pass with a fraction of that, both ways."""
        size = 200_000_000
        tracemalloc.start()
        try:
            storage.put(TENANT, FILE, stream(size))
            with storage.get(TENANT, FILE) as file:
                read = sum(len(piece) for piece in iter(lambda: file.read(MEBIBYTE), b""))
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert read == size
        assert most < 100 * MEBIBYTE

    def test_a_large_stream_that_breaks_leaves_nothing(self, storage: Storage) -> None:
        """Neither a new file nor a change of the old one, nor anything that only takes room."""
        storage.put(TENANT, FILE, b"old")
        for uri in (FILE, f"{FOLDER}other.bin"):
            with pytest.raises(OSError, match="broken"):
                storage.put(TENANT, uri, stream(LARGE, breaks_at=17 * MEBIBYTE))
        assert [found.uri for found in storage.list(TENANT, FOLDER)] == [FILE]
        with storage.get(TENANT, FILE) as file:
            assert file.read() == b"old"
        if isinstance(storage, LeavesUnfinished):
            assert storage.remove_unfinished(datetime.now(UTC) + timedelta(hours=1)) == 0

    def test_a_reader_may_leave_in_the_middle(self, storage: Storage) -> None:
        """Whoever closes early gets no error, and the next one reads."""
        storage.put(TENANT, FILE, stream(LARGE))
        for _ in range(3):
            with storage.get(TENANT, FILE) as file:
                assert_is_stream(io.BytesIO(file.read(100)), 0, 100)


class ManyFiles:
    """Folders with more than any server tells at once."""

    def test_a_folder_of_many_files_is_listed_moved_and_deleted_whole(self, storage: Storage) -> None:
        """In order and without a gap, on one level and on all; files and folders alternate in it."""
        names = [f"x/{number:05}{'/in' if number % 3 == 0 else '.txt'}" for number in range(MANY)]

        def write(name: str) -> None:
            storage.put(TENANT, FOLDER + name, b".")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, names))
        all_levels = [found.uri for found in storage.list(TENANT, f"{FOLDER}x", recursive=True)]
        assert all_levels == sorted(FOLDER + name for name in names)
        one_level = [found.uri for found in storage.list(TENANT, f"{FOLDER}x")]
        assert one_level == sorted(FOLDER + name.removesuffix("in") for name in names)
        assert storage.move(TENANT, f"{FOLDER}x/00000", f"{FOLDER}y/00000") == f"{FOLDER}y/00000/"
        assert storage.delete(TENANT, f"{FOLDER}x") == MANY - 1
        assert [found.uri for found in storage.list(TENANT, FOLDER, recursive=True)] == [f"{FOLDER}y/00000/in"]

    @pytest.mark.parametrize(
        "name", ["a b", "a+b", "a&=?#b", "größe", "日本語.txt", "e\u0301", "'quoted' \"twice\"", "~a!*()", "a;b,c:@$", "x" * 250]
    )
    def test_a_name_of_any_signs_lives_through_every_verb(self, storage: Storage, name: str) -> None:
        """Put, asked for, listed, moved and deleted, as a file and as a folder."""
        uri = f"{FOLDER}{name}/{name}"
        assert storage.put(TENANT, uri, b"1") == uri
        assert storage.attributes(TENANT, uri) is not None
        assert [found.uri for found in storage.list(TENANT, FOLDER)] == [f"{FOLDER}{name}/"]
        moved = f"{FOLDER}{name} 2/{name}"[:900] if len(name) < 200 else f"{FOLDER}2/{name}"
        assert storage.move(TENANT, uri, moved) == moved
        assert [found.uri for found in storage.list(TENANT, FOLDER, recursive=True)] == [moved]
        assert storage.delete(TENANT, moved.rpartition("/")[0]) == 1
        assert list(storage.list(TENANT, FOLDER, recursive=True)) == []


class _Stream(io.RawIOBase):
    """Bytes that tell their place, made as they are read."""

    def __init__(self, size: int, breaks_at: int | None, at_most: int) -> None:
        super().__init__()
        self._size = size
        self._position = 0
        self._breaks_at = breaks_at
        self._at_most = at_most

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if self._breaks_at is not None and self._position >= self._breaks_at:
            raise OSError("broken")
        wanted = self._size if size is None or size < 0 else size
        piece = pattern(self._position, min(wanted, self._at_most, self._size - self._position))
        self._position += len(piece)
        return piece


_BLOCK = b"".join(number.to_bytes(4, "big") for number in range(MEBIBYTE // 4 + 1021))[: MEBIBYTE + 1021]


def pattern(start: int, size: int) -> bytes:
    """Bytes `start` to `start + size` of an endless pattern whose period is no round number."""
    first = start % len(_BLOCK)
    piece = _BLOCK[first : first + size]
    while len(piece) < size:
        piece += _BLOCK[: size - len(piece)]
    return piece


def stream(size: int, *, breaks_at: int | None = None, at_most: int = 1 << 40) -> BinaryIO:
    """Return the first bytes of the pattern as a stream."""
    return cast("BinaryIO", _Stream(size, breaks_at, at_most))


def assert_is_stream(file: BinaryIO, start: int, end: int) -> None:
    """The stream holds exactly these bytes of the pattern."""
    position = start
    while piece := file.read(MEBIBYTE):
        assert piece == pattern(position, len(piece)), position
        position += len(piece)
    assert position == max(start, end)
