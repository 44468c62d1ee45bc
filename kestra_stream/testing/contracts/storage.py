"""What every storage promises. Inherit, set `__test__ = True` and supply the fixture `storage`."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kestra_stream.errors import Invalid, InvalidUri, NotFound
from kestra_stream.storage.interface import FileAttributes, Storage
from kestra_stream.testing.contracts.storage_at_scale import LargeFiles, ManyFiles

TENANT = "main"
FOLDER = "kestra:///company/team/"
FILE = f"{FOLDER}a.txt"
_names = st.text(st.characters(exclude_categories=["C"], exclude_characters="/\\%"), min_size=1, max_size=20).filter(
    lambda name: name.strip(".") and not name.lower().startswith(".kestra-")
)
_numbers = count()


class _Files:
    """Whole files and parts of them."""

    def test_what_was_put_can_be_read(self, storage: Storage) -> None:
        """Bytes and streams come back as they were, empty ones too."""
        assert storage.put(TENANT, FILE, b"hello") == FILE
        assert _read(storage, FILE) == b"hello"
        storage.put(TENANT, FILE, io.BytesIO(b""))
        assert _read(storage, FILE) == b""

    def test_a_put_replaces_what_was_there(self, storage: Storage) -> None:
        """Content and metadata are those of the last put."""
        storage.put(TENANT, FILE, b"a longer first content", {"by": "first"})
        storage.put(TENANT, FILE, b"second")
        assert _read(storage, FILE) == b"second"
        assert _known(storage, FILE).metadata == {}

    def test_an_open_file_is_read_to_its_end_while_another_takes_its_place(self, storage: Storage) -> None:
        """A reader never sees a mixture."""
        storage.put(TENANT, FILE, b"x" * 100_000)
        with storage.get(TENANT, FILE) as file:
            first = file.read(10)
            storage.put(TENANT, FILE, b"y" * 100_000)
            assert set(first + file.read()) in ({ord("x")}, {ord("y")})

    def test_a_put_that_fails_changes_nothing(self, storage: Storage) -> None:
        """A stream that breaks leaves the old file, and nothing new."""
        storage.put(TENANT, FILE, b"old", {"by": "me"})
        for uri in (FILE, f"{FOLDER}other.txt"):
            with pytest.raises(OSError, match="broken"):
                storage.put(TENANT, uri, _Broken())
        assert [found.uri for found in storage.list(TENANT, FOLDER)] == [FILE]
        assert _read(storage, FILE) == b"old"
        assert _known(storage, FILE).metadata == {"by": "me"}

    def test_a_failed_put_leaves_no_folder(self, storage: Storage) -> None:
        """What a failed put made on the way is gone."""
        with pytest.raises(OSError, match="broken"):
            storage.put(TENANT, f"{FOLDER}deep/er/file", _Broken())
        assert list(storage.list(TENANT, "kestra:///", recursive=True)) == []
        assert storage.attributes(TENANT, "kestra:///company/") is None

    @pytest.mark.parametrize(("start", "end"), [(0, None), (0, 3), (2, 5), (3, None), (4, 4), (8, 20), (10, None), (30, 40)])
    def test_a_range_is_read_alone(self, storage: Storage, start: int, end: int | None) -> None:
        """The end is exclusive, and may lie beyond the file."""
        storage.put(TENANT, FILE, b"0123456789")
        assert _read(storage, FILE, start, end) == b"0123456789"[start:end]

    @pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 3)])
    def test_an_impossible_range_is_refused(self, storage: Storage, start: int, end: int) -> None:
        """Neither a negative start nor an end before the start is a range."""
        storage.put(TENANT, FILE, b"0123456789")
        with pytest.raises(Invalid):
            storage.get(TENANT, FILE, start, end)

    def test_a_file_that_is_not_there_is_not_found(self, storage: Storage) -> None:
        """Nothing, a folder and the root are no files."""
        storage.put(TENANT, FILE, b"")
        for uri in (f"{FOLDER}b.txt", "kestra:///company/team", FOLDER, "kestra:///", f"{FILE}/below"):
            with pytest.raises(NotFound):
                storage.get(TENANT, uri)


class _Folders:
    """What lies where, and how it goes."""

    def test_attributes_tell_what_is_there(self, storage: Storage) -> None:
        """Size, date and metadata of a file; a folder's URI ends with `/` however it was asked for."""
        storage.put(TENANT, FILE, b"hello", {"expirationDate": "never", "ключ": "välue\n"})
        known = _known(storage, FILE)
        assert (known.uri, known.size, known.is_folder) == (FILE, 5, False)
        assert known.metadata == {"expirationDate": "never", "ключ": "välue\n"}
        assert abs(datetime.now(UTC) - known.modified_at) < timedelta(minutes=5)
        for uri in (FOLDER, "kestra:///company/team"):
            folder = _known(storage, uri)
            assert (folder.uri, folder.is_folder, folder.size) == (FOLDER, True, 0)
        for uri in (f"{FOLDER}b.txt", "kestra:///company/te", f"{FILE}/"):
            assert storage.attributes(TENANT, uri) is None

    def test_a_list_is_sorted_and_knows_folders(self, storage: Storage) -> None:
        """One level has files and folders, all levels have files only; both by URI."""
        for name in ("b/2", "b/1/x", "a.txt", "b.txt", "a/z", "B"):
            storage.put(TENANT, FOLDER + name, name.encode(), {"name": name})
        assert _names_of(storage, FOLDER) == ["B", "a.txt", "a/", "b.txt", "b/"]
        assert _names_of(storage, FOLDER, recursive=True) == ["B", "a.txt", "a/z", "b.txt", "b/1/x", "b/2"]
        assert [found.metadata for found in storage.list(TENANT, f"{FOLDER}b/", recursive=True)] == [{"name": "b/1/x"}, {"name": "b/2"}]
        assert _names_of(storage, "kestra:///company/team") == _names_of(storage, FOLDER)

    def test_what_is_no_folder_lists_nothing(self, storage: Storage) -> None:
        """Neither a missing folder nor a file has anything below it."""
        storage.put(TENANT, FILE, b"")
        assert list(storage.list(TENANT, "kestra:///company/te/")) == []
        assert list(storage.list(TENANT, f"{FILE}/", recursive=True)) == []

    def test_a_deleted_file_is_gone_with_its_metadata_and_its_empty_folders(self, storage: Storage) -> None:
        """A folder is there as long as it holds something."""
        storage.put(TENANT, f"{FOLDER}deep/er/file", b"", {"a": "b"})
        storage.put(TENANT, FILE, b"")
        assert storage.delete(TENANT, f"{FOLDER}deep/er/file") == 1
        assert _names_of(storage, FOLDER) == ["a.txt"]
        assert storage.attributes(TENANT, f"{FOLDER}deep") is None
        assert storage.delete(TENANT, FILE) == 1
        assert storage.attributes(TENANT, "kestra:///company") is None
        storage.put(TENANT, f"{FOLDER}deep/er/file", b"again")
        assert _known(storage, f"{FOLDER}deep/er/file").metadata == {}

    @pytest.mark.parametrize("uri", [f"{FOLDER}x/", "kestra:///company/team/x"])
    def test_a_deleted_folder_is_gone_with_all_below(self, storage: Storage, uri: str) -> None:
        """The count is that of the files; neighbours whose names only start alike stay."""
        for name in ("x/1", "x/y/2", "x/y/z/3", "xyz", "x.txt"):
            storage.put(TENANT, FOLDER + name, b"", {"a": "b"})
        assert storage.delete(TENANT, uri) == 3
        assert _names_of(storage, FOLDER) == ["x.txt", "xyz"]
        assert storage.delete(TENANT, uri) == 0

    def test_a_file_is_not_deleted_under_the_name_of_a_folder(self, storage: Storage) -> None:
        """A `/` at the end means the folder."""
        storage.put(TENANT, FILE, b"")
        assert storage.delete(TENANT, f"{FILE}/") == 0
        assert _read(storage, FILE) == b""

    def test_tenants_do_not_see_each_other(self, storage: Storage) -> None:
        """The same URI is another file for another tenant."""
        storage.put(TENANT, FILE, b"mine")
        storage.put("other", FILE, b"theirs")
        assert storage.delete("other", FOLDER) == 1
        assert _read(storage, FILE) == b"mine"
        assert list(storage.list("third", "kestra:///", recursive=True)) == []


class _Moves:
    """Renames."""

    def test_a_moved_file_has_its_metadata_with_it(self, storage: Storage) -> None:
        """What was at the target is replaced; the folder it left is tidied."""
        storage.put(TENANT, f"{FOLDER}from/a", b"new", {"by": "me"})
        storage.put(TENANT, f"{FOLDER}to/b", b"old", {"by": "them", "more": "x"})
        assert storage.move(TENANT, f"{FOLDER}from/a", f"{FOLDER}to/b") == f"{FOLDER}to/b"
        assert _names_of(storage, FOLDER, recursive=True) == ["to/b"]
        assert _names_of(storage, FOLDER) == ["to/"]
        assert _read(storage, f"{FOLDER}to/b") == b"new"
        assert _known(storage, f"{FOLDER}to/b").metadata == {"by": "me"}

    def test_a_moved_folder_has_all_its_files_with_it(self, storage: Storage) -> None:
        """It is merged into what is at the target."""
        for name in ("from/1", "from/x/2", "to/1", "to/9"):
            storage.put(TENANT, FOLDER + name, name.encode(), {"name": name})
        assert storage.move(TENANT, f"{FOLDER}from", f"{FOLDER}to") == f"{FOLDER}to/"
        assert _names_of(storage, FOLDER, recursive=True) == ["to/1", "to/9", "to/x/2"]
        assert _read(storage, f"{FOLDER}to/1") == b"from/1"
        assert _known(storage, f"{FOLDER}to/x/2").metadata == {"name": "from/x/2"}
        assert storage.attributes(TENANT, f"{FOLDER}from/") is None

    def test_a_move_to_itself_changes_nothing(self, storage: Storage) -> None:
        """Neither for a file nor for a folder."""
        storage.put(TENANT, f"{FOLDER}x/1", b"1", {"a": "b"})
        assert storage.move(TENANT, f"{FOLDER}x/1", f"{FOLDER}x/1") == f"{FOLDER}x/1"
        assert storage.move(TENANT, f"{FOLDER}x/", f"{FOLDER}x/") == f"{FOLDER}x/"
        assert _known(storage, f"{FOLDER}x/1").metadata == {"a": "b"}

    def test_an_impossible_move_is_refused(self, storage: Storage) -> None:
        """Nothing cannot be moved, a folder not into itself, a file not to the name of a folder."""
        storage.put(TENANT, f"{FOLDER}x/1", b"1")
        with pytest.raises(NotFound):
            storage.move(TENANT, f"{FOLDER}y", f"{FOLDER}z")
        for source, target in ((f"{FOLDER}x", f"{FOLDER}x/y"), (f"{FOLDER}x/1", f"{FOLDER}z/")):
            with pytest.raises(InvalidUri):
                storage.move(TENANT, source, target)
        assert _names_of(storage, FOLDER, recursive=True) == ["x/1"]


class _Addresses:
    """Which names there are."""

    @pytest.mark.parametrize("tenant", ["", ".", "..", "a/b", "../main", ".hidden", "a\\b", "a\0", "x" * 256])
    def test_a_tenant_is_one_plain_name(self, storage: Storage, tenant: str) -> None:
        """No verb takes another."""
        _assert_refused(storage, tenant, FILE)

    @pytest.mark.parametrize(
        "uri",
        [
            "",
            "/company/a",
            "company/a",
            "file:///etc/passwd",
            "kestra://host/a",
            "kestra:///../other/a",
            "kestra:///company/../../other/a",
            "kestra:///company/./a",
            "kestra:///company//a",
            "kestra:////etc/passwd",
            "kestra:///company/%2e%2e/a",
            "kestra:///company/%252E%252e/a",
            "kestra:///company%2f..%2f..%2fa",
            "kestra:///company/..%5c..%5ca",
            "kestra:///company\\..\\..\\a",
            "kestra:///company/a\0b",
            "kestra:///company/a%00b",
            "kestra:///company/%c0%ae%c0%ae/a",
            "kestra:///company/\u2025/a",
            "kestra:///company/\ud800",
            "kestra:///.kestra-metadata/a",
            f"kestra:///company/{'x' * 256}",
            f"kestra:///{'/'.join(['x' * 100] * 11)}",
            f"kestra:///{'/'.join('x' * 200)}",
        ],
    )
    def test_a_uri_that_leads_elsewhere_is_refused(self, storage: Storage, uri: str) -> None:
        """By every verb, whatever the encoding."""
        _assert_refused(storage, TENANT, uri)

    def test_a_file_is_put_under_the_name_of_a_file(self, storage: Storage) -> None:
        """Neither a folder nor the root can be written; the root can be neither moved nor deleted."""
        for uri in (FOLDER, "kestra:///"):
            with pytest.raises(InvalidUri):
                storage.put(TENANT, uri, b"")
        with pytest.raises(InvalidUri):
            storage.delete(TENANT, "kestra:///")
        with pytest.raises(InvalidUri):
            storage.move(TENANT, "kestra:///", FOLDER)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(names=st.lists(_names, min_size=1, max_size=4), content=st.binary(max_size=64))
    def test_any_decent_name_is_kept_as_it_is(self, storage: Storage, names: list[str], content: bytes) -> None:
        """Spaces, signs and all scripts; what a list tells can be read again."""
        folder = f"kestra:///any{next(_numbers)}/"
        uri = folder + "/".join(names)
        storage.put(TENANT, uri, content, {"names": "/".join(names)})
        assert [found.uri for found in storage.list(TENANT, folder, recursive=True)] == [uri]
        assert _read(storage, uri) == content


class _Crowds:
    """Many at once."""

    def test_many_writers_of_one_file_leave_one_of_their_files(self, storage: Storage) -> None:
        """Content and metadata belong together afterwards, and nothing else is left."""
        contents = [str(number) * 20_000 for number in range(8)]

        def write(content: str) -> None:
            storage.put(TENANT, FILE, content.encode(), {"first": content[0]})

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, contents))
        text = _read(storage, FILE).decode()
        assert text in contents
        assert _known(storage, FILE).metadata == {"first": text[0]}
        assert _names_of(storage, "kestra:///", recursive=True) == [FILE.removeprefix("kestra:///")]

    def test_a_folder_may_go_while_others_write_into_it(self, storage: Storage) -> None:
        """Writers and deleters of one folder never make each other fail, and nothing is left but what was put last."""

        def work(number: int) -> None:
            for turn in range(20):
                uri = f"{FOLDER}x/{number}/{turn}"
                storage.put(TENANT, uri, b"x", {"a": "b"} if turn % 2 else None)
                assert storage.delete(TENANT, uri) == 1

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert storage.attributes(TENANT, "kestra:///company/") is None


class StorageContract(_Files, _Folders, _Moves, _Addresses, _Crowds, LargeFiles, ManyFiles):
    """The suite. Every test wants an empty storage."""

    __test__ = False

    @pytest.fixture
    def storage(self) -> Storage:
        """Supply an empty storage."""
        raise TypeError("a member's test supplies its storage")


def _assert_refused(storage: Storage, tenant: str, uri: str) -> None:
    with pytest.raises(InvalidUri):
        storage.get(tenant, uri)
    with pytest.raises(InvalidUri):
        storage.put(tenant, uri, b"")
    with pytest.raises(InvalidUri):
        storage.attributes(tenant, uri)
    with pytest.raises(InvalidUri):
        storage.list(tenant, uri)
    with pytest.raises(InvalidUri):
        storage.delete(tenant, uri)
    with pytest.raises(InvalidUri):
        storage.move(tenant, uri, FILE)
    with pytest.raises(InvalidUri):
        storage.move(tenant, FILE, uri)


class _Broken(io.BytesIO):
    """A stream that breaks after its first piece."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self._pieces += 1
        if self._pieces > 1:
            raise OSError("broken")
        return b"x" * 1000


def _read(storage: Storage, uri: str, start: int = 0, end: int | None = None) -> bytes:
    with storage.get(TENANT, uri, start, end) as file:
        return file.read()


def _known(storage: Storage, uri: str) -> FileAttributes:
    found = storage.attributes(TENANT, uri)
    assert found is not None, uri
    return found


def _names_of(storage: Storage, folder: str, *, recursive: bool = False) -> list[str]:
    prefix = f"{folder.rstrip('/')}/" if folder != "kestra:///" else folder
    return [found.uri.removeprefix(prefix) for found in storage.list(TENANT, folder, recursive=recursive)]
