"""The copy of the state on disk: gone on from where it can be trusted, made anew where it cannot; a full disk is told and costs nothing."""

import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.queue.kafka.state.local_copy import Change, LocalCopy

NAME, TOPIC = "counts", "an-identity"
ROWS = tuple((f"owner-{number % 40}", f"run/{number}", b"%d" % number * 60) for number in range(60))
EXPECTED = {(owner, part): content for owner, part, content in ROWS}


def opened(folder: Path, topic: str = TOPIC) -> LocalCopy:
    return LocalCopy(folder, NAME, 0, topic)


def written(folder: Path, rows: tuple[Change, ...] = ROWS, position: int | None = 500) -> Path:
    copy = opened(folder)
    copy.stage(rows)
    copy.keep(position)
    copy.close()
    return folder / f"{NAME}-0.sqlite"


def content_of(copy: LocalCopy) -> dict[tuple[str, str], bytes]:
    return {(owner, part): content for owner in copy.owners() for part, content in copy.parts(owner).items()}


def is_empty(copy: LocalCopy) -> bool:
    return copy.position == 0 and len(copy) == 0


def test_a_copy_is_gone_on_from(tmp_path: Path) -> None:
    written(tmp_path)
    copy = opened(tmp_path)
    assert copy.position == 500
    assert content_of(copy) == EXPECTED
    assert {(owner, part) for owner, part, _ in copy.of_kind("run")} == set(EXPECTED)
    copy.close()


def test_a_process_that_dies_leaves_what_was_kept_and_nothing_that_was_staged(tmp_path: Path) -> None:
    """The files as they are at that moment are what the next one finds."""
    copy = opened(tmp_path)
    copy.stage(ROWS)
    copy.keep(500)
    copy.stage([("owner-1", "run/1", None), ("late", "", b"committed, and the checkpoint was before it")])
    copy.keep()
    copy.stage([("owner-2", "run/2", None), ("never", "", b"not committed")])
    there = tmp_path / "after the crash"
    there.mkdir()
    for file in tmp_path.glob(f"{NAME}-0.sqlite*"):
        (there / file.name).write_bytes(file.read_bytes())
    heir = opened(there)
    assert heir.position == 500
    found = content_of(heir)
    assert found.keys() - EXPECTED.keys() == {("late", "")}
    assert EXPECTED.keys() - found.keys() == {("owner-1", "run/1")}
    heir.close()
    copy.close()


@pytest.mark.parametrize("topic", ["another", TOPIC])
def test_a_copy_of_another_topic_or_without_a_checkpoint_is_made_anew(topic: str, tmp_path: Path) -> None:
    written(tmp_path, position=500 if topic != TOPIC else None)
    copy = opened(tmp_path, topic)
    assert is_empty(copy)
    copy.close()


@pytest.mark.parametrize("change", ["position = 7", "topic = 'another'", "layout = 1", "at = at + 1"])
def test_a_checkpoint_that_is_not_what_was_written_is_none(change: str, tmp_path: Path) -> None:
    database = sqlite3.connect(written(tmp_path))
    database.execute(f"UPDATE checkpoint SET {change}")  # noqa: S608 - a change of this test
    database.commit()
    database.close()
    copy = opened(tmp_path)
    assert is_empty(copy)
    copy.close()


def test_a_copy_that_is_older_than_the_tombstones_may_be_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path)
    monkeypatch.setattr("kestra_stream.queue.kafka.state.local_copy.OLDEST", -1.0)
    copy = opened(tmp_path)
    assert is_empty(copy)
    copy.close()


def test_a_copy_that_was_in_use_when_the_machine_went_down_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = opened(tmp_path)
    copy.stage(ROWS)
    copy.keep(500)
    monkeypatch.setattr("kestra_stream.queue.kafka.state.local_copy._boot", lambda: "the next one")
    there = tmp_path / "after the crash"
    there.mkdir()
    for file in tmp_path.glob(f"{NAME}-0.sqlite*"):
        (there / file.name).write_bytes(file.read_bytes())
    heir = opened(there)
    assert is_empty(heir)
    heir.close()
    copy.close()
    again = opened(tmp_path)
    assert again.position == 500, "one that was let go in good order is on the disk"
    again.close()


def test_members_of_one_machine_have_a_copy_each(tmp_path: Path) -> None:
    first, second = opened(tmp_path), opened(tmp_path)
    first.stage([("a", "", b"first")])
    second.stage([("a", "", b"second")])
    assert (first.parts("a"), second.parts("a")) == ({"": b"first"}, {"": b"second"})
    first.close()
    second.close()


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_disk_has_done_to_a_copy_it_is_right_or_made_anew(seed: int, tmp_path: Path) -> None:
    random = Random(seed)  # noqa: S311 - a story to tell again
    damage(written(tmp_path), random)
    for _ in range(3):
        copy = opened(tmp_path)
        with suppress(Unavailable):
            found = content_of(copy)
            kinds = {(owner, part): content for owner, part, content in copy.of_kind("run")}
            assert found == kinds == (EXPECTED if copy.position else {})
            copy.stage([(owner, part, content) for owner, part, content in ROWS])
            copy.keep()
            assert content_of(copy) == EXPECTED
            copy.close()
            return
        assert copy.is_damaged
        copy.close()
    raise AssertionError("it was not made anew")


def damage(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    begin = random.randrange(len(content))
    size = random.choice((1, 16, 512, 4096, 40_000))
    match random.randrange(3):
        case 0:
            del content[begin:]
        case 1:
            content[begin : begin + size] = bytes(size)
        case _:
            content[begin : begin + size] = random.randbytes(size)
    path.write_bytes(content)


@contextmanager
def no_room(most: int) -> Iterator[None]:
    """No file grows beyond so many bytes."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def is_refused(copy: LocalCopy, changes: list[Change]) -> bool:
    """Whether changes can not be staged, or not be kept: the database writes when it likes."""
    try:
        copy.stage(changes)
        copy.keep()
    except Unavailable as error:
        return "kestra.engine.state.path" in str(error)
    return False


def test_a_full_disk_is_told_and_what_was_staged_is_done_again_when_there_is_room(tmp_path: Path) -> None:
    written(tmp_path)
    copy = opened(tmp_path)
    large: list[Change] = [("large", f"{number}", b"x" * 10_000) for number in range(60)]
    with no_room(600_000):
        assert is_refused(copy, large)
    assert content_of(copy) == EXPECTED
    copy.stage(large)
    copy.keep()
    assert len(content_of(copy)) == len(ROWS) + len(large)
    copy.close()


def test_a_full_disk_costs_no_copy(tmp_path: Path) -> None:
    """It is opened when there is room again, and gone on from."""
    path = written(tmp_path)
    before = path.read_bytes()
    with no_room(0), pytest.raises(Unavailable, match="free some space"):
        opened(tmp_path)
    assert path.read_bytes() == before
    copy = opened(tmp_path)
    assert copy.position == 500
    copy.close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(Unavailable, match=r"Not a directory|File exists"):
        opened(tmp_path / "taken")
