"""State in copies on disk: a process that comes back reads only what its copy has not, and counts right whatever has become of the copy."""

import re
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.integration.queue.crowd import KEYS, Counter, Crowd, crowd, wait_until
from tests.services.broker import Broker

CLASSIC = {"group.protocol": "classic", "session.timeout.ms": 6000}
ROUNDS = 60


@pytest.fixture
def counted(kafka: Broker, prefix: str, tmp_path: Path) -> Iterator[Crowd]:
    with crowd(kafka, tmp_path, prefix, 1, **CLASSIC) as counted:
        yield counted


def started(counted: Crowd, folder: Path) -> Counter:
    counter = counted.start(folder=str(folder))
    counter.wait_for("joined")
    return counter


def stop(counter: Counter) -> None:
    counter.signal(signal.SIGTERM)
    assert counter.ended() == 0, counter.text()


def records_read(counter: Counter) -> int:
    """How many records of its state topic a process has read, all restores together."""
    return sum(int(number) for number in re.findall(r"is restored: (\d+) records", counter.text()))


def checkpoint(file: Path) -> int:
    """The offset up to which the copy says that it is complete."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        row = database.execute("SELECT position FROM checkpoint").fetchone()
    return 0 if row is None else int(row[0])


def do(counted: Crowd, rounds: int = ROUNDS) -> None:
    """Send records, and wait until all are counted, rightly."""
    counted.send(rounds)
    counted.check()


def test_a_process_that_comes_back_reads_only_what_came_since_its_checkpoint(counted: Crowd, tmp_path: Path) -> None:
    first = started(counted, tmp_path / "copies")
    for _ in range(10):
        do(counted, 6)
    stop(first)
    second = started(counted, tmp_path / "copies")
    stop(second)
    third = started(counted, tmp_path / "copies")
    assert records_read(third) == 0, "nothing has changed since the one before had read all"
    do(counted, 1)
    third.kill()
    fourth = started(counted, tmp_path / "copies")
    assert 0 < records_read(fourth) <= len(KEYS), "only what came since"
    do(counted)
    stop(fourth)
    elsewhere = started(counted, tmp_path / "another machine")
    assert records_read(elsewhere) > 10 * len(KEYS), "without a copy all of it is read"
    do(counted)


def test_a_process_that_is_killed_while_it_works_goes_on_from_a_checkpoint_of_that_time(counted: Crowd, tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    first = started(counted, copies)
    files = [copies / f"{counted.task.prefix}{counted.task.state}-{number}.sqlite" for number in range(counted.task.partitions)]
    while not all(checkpoint(file) for file in files):
        counted.send(1)
    do(counted, 1)
    first.kill()
    heir = started(counted, copies)
    do(counted)
    stop(heir)
    elsewhere = started(counted, tmp_path / "another machine")
    assert records_read(heir) < records_read(elsewhere)
    do(counted)


@pytest.mark.parametrize("is_at_work", [False, True], ids=["stopped", "at work"])
def test_a_copy_that_was_damaged_is_made_anew(counted: Crowd, tmp_path: Path, *, is_at_work: bool) -> None:
    copies = tmp_path / "copies"
    counter = started(counted, copies)
    do(counted)
    stop(counter)
    if is_at_work:
        counter = started(counted, copies)
    for file in copies.glob("*.sqlite"):
        file.write_bytes(bytes(file.stat().st_size))
    if not is_at_work:
        counter = started(counted, copies)
    do(counted)
    stop(counter)
    counter = started(counted, copies)
    do(counted)
    assert "Traceback" not in "".join(each.text() for each in counted.counters)


def test_a_full_disk_loses_nothing_and_is_over_when_there_is_room(counted: Crowd, tmp_path: Path) -> None:
    counter = counted.start(folder=str(tmp_path / "copies"), most_file_bytes=80_000)
    counter.wait_for("joined")
    remedy = "free some space, or name another folder in kestra.engine.state.path"
    while counter.text().count(remedy) < 3:
        counted.send(1)
    counted.check()
    counter.signal(signal.SIGUSR1)
    do(counted)
    stop(counter)
    assert "Traceback" not in counter.text()


def test_processes_with_copies_that_are_killed_at_random_lose_and_double_nothing(counted: Crowd, tmp_path: Path) -> None:
    """Each comes back beside the copy of the one before, which others have gone on from meanwhile."""
    counters = [started(counted, tmp_path / f"machine {number}") for number in range(2)]
    with counted.sending(300):
        for victim in (0, 1, 0, 1):
            wait_until(partial(counted.has_sent, min(counted.sent + 50, 300)), 60, "some records")
            counters[victim].kill()
            counters[victim] = counted.start(folder=str(tmp_path / f"machine {victim}"))
    counted.check()
