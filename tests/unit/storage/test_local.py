"""What only files on a disk can do wrong."""

import io
import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from kestra_stream.errors import InvalidUri, NotFound
from kestra_stream.storage.local import LocalStorage

FILE = "kestra:///a/b.txt"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@pytest.fixture
def storage(root: Path) -> LocalStorage:
    return LocalStorage(root)


def open_descriptors() -> int:
    return sum(1 for _ in Path("/dev/fd").iterdir())


def test_nothing_is_made_before_the_first_file(storage: LocalStorage, root: Path) -> None:
    assert storage.attributes("main", FILE) is None
    assert list(storage.list("main", "kestra:///", recursive=True)) == []
    assert storage.delete("main", FILE) == 0
    with pytest.raises(NotFound):
        storage.get("main", FILE)
    assert not root.exists()


def test_a_file_lies_under_its_tenant_and_name(storage: LocalStorage, root: Path) -> None:
    storage.put("main", FILE, b"x")
    assert (root / "main" / "a" / "b.txt").read_bytes() == b"x"


def test_a_file_may_be_put_with_fsync(root: Path) -> None:
    LocalStorage(str(root), fsync=True).put("main", FILE, io.BytesIO(b"x"))
    assert (root / "main" / "a" / "b.txt").read_bytes() == b"x"


def test_a_link_to_a_folder_outside_is_refused(storage: LocalStorage, root: Path, tmp_path: Path) -> None:
    """By every verb; a deletion removes what holds the link, never what it leads to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("s")
    storage.put("main", FILE, b"x")
    (root / "main" / "a" / "link").symlink_to(outside)
    uri = "kestra:///a/link/secret"
    with pytest.raises(InvalidUri, match="symbolic link"):
        storage.get("main", uri)
    with pytest.raises(InvalidUri, match="symbolic link"):
        storage.put("main", uri, b"changed")
    with pytest.raises(InvalidUri):
        storage.put("main", "kestra:///a/link/new", b"new")
    with pytest.raises(InvalidUri):
        storage.attributes("main", uri)
    with pytest.raises(InvalidUri):
        storage.delete("main", uri)
    with pytest.raises(InvalidUri):
        storage.move("main", FILE, uri)
    with pytest.raises(InvalidUri):
        list(storage.list("main", "kestra:///a/link/"))
    assert [found.uri for found in storage.list("main", "kestra:///a/", recursive=True)] == [FILE]
    assert storage.delete("main", "kestra:///a/") >= 1
    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").read_text() == "s"


def test_a_link_to_a_file_outside_is_refused(storage: LocalStorage, root: Path, tmp_path: Path) -> None:
    """It is neither read nor listed; a put takes the link's place and leaves its target alone."""
    secret = tmp_path / "secret"
    secret.write_text("s")
    storage.put("main", FILE, b"x")
    (root / "main" / "a" / "link").symlink_to(secret)
    with pytest.raises(InvalidUri):
        storage.get("main", "kestra:///a/link")
    assert storage.attributes("main", "kestra:///a/link") is None
    assert [found.uri for found in storage.list("main", "kestra:///a/")] == [FILE]
    storage.put("main", "kestra:///a/link", b"mine")
    assert secret.read_text() == "s"
    with storage.get("main", "kestra:///a/link") as file:
        assert file.read() == b"mine"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    """The operator says where the files lie."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    LocalStorage(tmp_path / "link").put("main", FILE, b"x")
    assert (tmp_path / "real" / "main" / "a" / "b.txt").read_bytes() == b"x"


def test_what_is_no_file_is_not_opened(storage: LocalStorage, root: Path) -> None:
    """A pipe would block its reader for ever."""
    storage.put("main", FILE, b"x")
    os.mkfifo(root / "main" / "a" / "pipe")
    with pytest.raises(NotFound):
        storage.get("main", "kestra:///a/pipe")
    assert storage.attributes("main", "kestra:///a/pipe") is None


def test_names_that_no_address_can_say_are_not_listed(storage: LocalStorage, root: Path) -> None:
    storage.put("main", FILE, b"x")
    (root / "main" / "a" / "line\nbreak").write_text("")
    (root / "main" / "a" / "back\\slash").write_text("")
    Path(os.fsdecode(os.fsencode(root / "main" / "a") + b"/\xff")).write_text("")
    assert [found.uri for found in storage.list("main", "kestra:///a/")] == [FILE]


def test_a_file_and_a_folder_do_not_share_a_name(storage: LocalStorage) -> None:
    storage.put("main", FILE, b"x")
    with pytest.raises(InvalidUri, match="below a file"):
        storage.put("main", f"{FILE}/below", b"")
    with pytest.raises(InvalidUri, match="folder"):
        storage.put("main", "kestra:///a", b"")
    storage.put("main", "kestra:///c", b"")
    with pytest.raises(InvalidUri, match="folder"):
        storage.move("main", "kestra:///c", "kestra:///a")
    assert [found.uri for found in storage.list("main", "kestra:///", recursive=True)] == [FILE, "kestra:///c"]


def test_the_longest_name_has_room_for_its_metadata(storage: LocalStorage) -> None:
    uri = f"kestra:///{'x' * 255}"
    storage.put("main", uri, b"", {"a": "b"})
    found = storage.attributes("main", uri)
    assert found is not None
    assert found.metadata == {"a": "b"}


@pytest.mark.parametrize("uri", [FILE, "kestra:///a/", "kestra:///a/b/"])
def test_a_file_that_is_being_written_outlives_the_deletion_of_its_folder(storage: LocalStorage, root: Path, uri: str) -> None:
    """It comes after the deletion, with its metadata; nothing hidden is left."""

    class Deleting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            storage.delete("main", uri)
            return super().read(size)

    written = "kestra:///a/b/c.txt"
    storage.put("main", "kestra:///a/b/other.txt", b"y", {"k": "other"})
    storage.put("main", FILE, b"y", {"k": "b"})
    storage.put("main", written, Deleting(b"x"), {"k": "v"})
    with storage.get("main", written) as file:
        assert file.read() == b"x"
    found = storage.attributes("main", written)
    assert found is not None
    assert found.metadata == {"k": "v"}
    storage.delete("main", "kestra:///a/")
    assert list((root / "main").rglob("*")) == []


def test_what_a_killed_writer_has_left_goes_with_its_folder(storage: LocalStorage, root: Path) -> None:
    storage.put("main", FILE, b"x")
    (root / "main" / "a" / ".kestra-part-0-1-2").write_bytes(b"half")
    assert [found.uri for found in storage.list("main", "kestra:///a/")] == [FILE]
    assert storage.delete("main", "kestra:///a/") == 1
    assert list(root.rglob("*")) == []


def test_a_file_that_is_being_written_is_not_seen(storage: LocalStorage) -> None:
    seen: list[list[str]] = []

    class Watching(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            seen.append([found.uri for found in storage.list("main", "kestra:///", recursive=True)])
            return super().read(size)

    storage.put("main", FILE, Watching(b"x"))
    assert seen == [[], []]


def test_no_file_is_held_in_memory_whole(storage: LocalStorage) -> None:
    size = 32 * 1024 * 1024

    class Zeros(io.BytesIO):
        left = size

        def read(self, wanted: int | None = -1, /) -> bytes:
            piece = min(self.left, wanted or 0)
            self.left -= piece
            return bytes(piece)

    tracemalloc.start()
    storage.put("main", FILE, Zeros())
    with storage.get("main", FILE, 1) as file:
        while file.read(64 * 1024):
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    found = storage.attributes("main", FILE)
    assert found is not None
    assert found.size == size
    assert peak < size // 8


def test_a_range_gives_its_descriptor_back(storage: LocalStorage) -> None:
    storage.put("main", FILE, b"0123456789")
    before = open_descriptors()
    for _ in range(20):
        with storage.get("main", FILE, 2, 4) as file:
            assert file.read(1) == b"2"
            assert not file.seekable()
    assert open_descriptors() == before


def test_no_verb_leaks_a_descriptor(storage: LocalStorage) -> None:
    """Neither when it works nor when it is refused."""
    storage.put("main", FILE, b"x", {"a": "b"})
    before = open_descriptors()
    for _ in range(5):
        storage.put("main", FILE, b"x", {"a": "b"})
        storage.move("main", FILE, "kestra:///c/d")
        storage.move("main", "kestra:///c", "kestra:///a")
        storage.move("main", "kestra:///a/d", FILE)
        next(storage.list("main", "kestra:///", recursive=True))
        storage.delete("main", "kestra:///none")
        for uri in (f"{FILE}/x", "kestra:///a"):
            with pytest.raises(InvalidUri):
                storage.put("main", uri, b"")
        with pytest.raises(NotFound):
            storage.get("main", "kestra:///a")
    assert open_descriptors() == before


def test_a_folder_that_is_tidied_away_is_made_again(storage: LocalStorage) -> None:
    """A writer that found the folder before another removed it simply begins anew."""
    stop = threading.Event()

    def tidy() -> None:
        while not stop.is_set():
            storage.delete("main", "kestra:///a/other")
            storage.put("main", "kestra:///a/other", b"")

    thread = threading.Thread(target=tidy)
    thread.start()
    try:
        for _ in range(100):
            storage.put("main", FILE, b"x", {"a": "b"})
            assert storage.delete("main", FILE) == 1
    finally:
        stop.set()
        thread.join()
