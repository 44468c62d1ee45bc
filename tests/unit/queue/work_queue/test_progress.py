"""What is committed of a partition lets the next owner repeat nothing that fits into a commit, and skip nothing ever."""

from random import Random

import pytest

from kestra_stream.queue.kafka.work_queue.progress import LONGEST_METADATA, Marks, Progress


def read(progress: Progress, *offsets: int) -> list[int | None]:
    return [progress.read(offset) for offset in offsets]


def committed(progress: Progress) -> tuple[int, Marks]:
    commit = progress.commit()
    assert commit is not None
    return commit


def test_nothing_is_committed_before_something_was_read() -> None:
    assert Progress(None, Marks()).commit() is None


def test_a_partition_without_open_jobs_is_committed_behind_the_last_that_was_read() -> None:
    progress = Progress(None, Marks())
    read(progress, 3, 4, 7)
    for offset in (7, 3, 4):
        progress.done(offset)
    assert progress.commit() == (8, Marks((), {}))


def test_the_first_open_job_is_what_is_committed_and_what_is_done_behind_it_is_told() -> None:
    progress = Progress(None, Marks())
    read(progress, *range(10))
    for offset in (0, 2, 3, 5, 9):
        progress.done(offset)
    assert progress.commit() == (1, Marks(((2, 3), (5, 5), (9, 9)), {}))


def test_a_gap_that_the_log_itself_has_filled_lies_inside_a_range() -> None:
    progress = Progress(None, Marks())
    read(progress, 0, 1, 4, 6, 7)
    for offset in (1, 4, 6):
        progress.done(offset)
    assert progress.commit() == (0, Marks(((1, 6),), {}))


def test_the_next_owner_passes_over_what_is_done_and_knows_how_often_the_rest_was_handed_out() -> None:
    first = Progress(None, Marks())
    read(first, *range(6))
    first.count(0, 2)
    first.done(3)
    start, marks = committed(first)
    assert read(Progress(start, Marks.of(marks.text())), *range(start, 6)) == [2, 0, 0, None, 0, 0]


def test_what_the_next_owner_has_not_read_yet_is_not_forgotten_by_its_commits() -> None:
    progress = Progress(0, Marks(((5, 9),), {12: 3}))
    read(progress, 0, 1)
    progress.done(0)
    start, marks = committed(progress)
    assert (start, marks) == (1, Marks(((5, 9),), {12: 3}))


@pytest.mark.parametrize("text", ["", "1", "2;1-2;", "1;x;", "1;1-2;=", "something of another system", None])
def test_metadata_that_nobody_here_has_written_count_as_nothing(text: str | None) -> None:
    marks = Marks.of(text)
    assert (list(marks.done), marks.deliveries) == ([], {})


def test_metadata_are_never_longer_than_a_broker_takes() -> None:
    marks = Marks([(10**12 + n * 3, 10**12 + n * 3 + 1) for n in range(1000)], {10**12 + n: 7 for n in range(1000)})
    text = marks.text()
    assert len(text) <= LONGEST_METADATA
    assert 0 < len(Marks.of(text).done) < 1000
    assert Marks.of(text).done == list(marks.done)[: len(Marks.of(text).done)]


@pytest.mark.parametrize("seed", range(50))
def test_no_owner_ever_skips_an_open_job_or_repeats_one_that_is_done(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - a test
    end = random.randrange(1, 80)
    jobs = sorted(random.sample(range(end), random.randrange(1, end + 1)))
    done: set[int] = set()
    start, marks = None, Marks()
    for _ in range(6):
        progress = Progress(start, Marks.of(marks.text()))
        come = [offset for offset in jobs if start is None or offset >= start]
        come = come[: random.randrange(len(come) + 1)]
        open_jobs = [offset for offset in come if progress.read(offset) is not None]
        assert not done & set(open_jobs)
        assert set(come) - set(open_jobs) <= done
        for offset in random.sample(open_jobs, random.randrange(len(open_jobs) + 1)):
            progress.done(offset)
            done.add(offset)
        start, marks = progress.commit() or (None, Marks())


def test_what_is_committed_stays_as_it_was_while_jobs_are_handed_out() -> None:
    """It is written without the lock: a map that changed meanwhile stopped the queue, and its worker."""
    progress = Progress(None, Marks())
    read(progress, 0, 1, 2)
    progress.count(1, 1)
    _, marks = committed(progress)
    progress.count(2, 1)
    assert marks.text() == Marks((), {1: 1}).text()
