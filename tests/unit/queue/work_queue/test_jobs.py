"""The jobs of an owner: with one holder at a time, back when nobody accepts them, gone with their partition."""

from threading import Condition, Thread

from kestra_stream.queue.kafka.work_queue.jobs import HERE, Job, OwnJobs
from kestra_stream.queue.kafka.work_queue.progress import Marks


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def owner(clock: Clock, *offsets: int) -> OwnJobs:
    jobs = OwnJobs(Condition(), clock, lease_seconds=10.0, stale_seconds=3.0)
    jobs.partitions.assign(0, None, Marks())
    jobs.add([Job(0, offset, 0, b"{}", b"key", ()) for offset in offsets])
    return jobs


def pass_time(jobs: OwnJobs, clock: Clock, seconds: float) -> None:
    """Time goes by while the owner is awake."""
    clock.seconds += seconds
    jobs.confirm(clock.seconds)
    jobs.answers_until = clock.seconds
    jobs.bring_back()


def test_jobs_are_handed_out_oldest_first_and_once() -> None:
    jobs = owner(Clock(), 1, 2, 3)
    assert [grant.job.offset for grant in jobs.hand_out(2, HERE)] == [1, 2]
    assert [grant.job.offset for grant in jobs.hand_out(2, "other")] == [3]
    assert not jobs.hand_out(2, HERE)


def test_only_its_holder_accepts_a_job_and_only_once() -> None:
    jobs = owner(Clock(), 1)
    (grant,) = jobs.hand_out(1, "holder")
    assert not jobs.accept(grant.number, HERE)
    assert jobs.accept(grant.number, "holder")
    assert not jobs.accept(grant.number, "holder")
    assert jobs.partitions.due() == {0: (2, Marks((), {}))}


def test_a_job_that_is_not_accepted_in_time_comes_back_and_its_late_accept_is_refused() -> None:
    clock = Clock()
    jobs = owner(clock, 1)
    (grant,) = jobs.hand_out(1, HERE)
    pass_time(jobs, clock, 10.0)
    (again,) = jobs.hand_out(1, HERE)
    assert (again.job.offset, again.job.deliveries) == (1, 2)
    assert not jobs.accept(grant.number, HERE)


def test_the_answer_of_another_worker_is_waited_for_a_little_longer() -> None:
    clock = Clock()
    jobs = owner(clock, 1)
    (grant,) = jobs.hand_out(1, "other")
    pass_time(jobs, clock, 10.5)
    assert not jobs.waiting
    assert jobs.accept(grant.number, "other")


def test_an_answer_that_lies_unread_while_this_process_sleeps_is_not_missed() -> None:
    clock = Clock()
    jobs = owner(clock, 1)
    (grant,) = jobs.hand_out(1, "other")
    clock.seconds += 60.0
    jobs.confirm(clock.seconds)
    jobs.bring_back()
    assert jobs.accept(grant.number, "other")


def test_an_owner_that_has_slept_hands_nothing_out_and_accepts_nothing_before_it_is_confirmed() -> None:
    clock = Clock()
    jobs = owner(clock, 1, 2)
    (grant,) = jobs.hand_out(1, HERE)
    clock.seconds += 4.0
    assert not jobs.hand_out(1, HERE)
    assert not jobs.accept(grant.number, HERE)
    jobs.confirm(clock.seconds)
    assert jobs.accept(grant.number, HERE)
    assert jobs.hand_out(1, HERE)


def test_whoever_accepts_patiently_after_a_sleep_waits_until_the_owner_is_confirmed_or_the_lease_ends() -> None:
    clock = Clock()
    jobs = owner(clock, 1, 2)
    first, second = jobs.hand_out(2, HERE)
    clock.seconds += 4.0
    answers: list[bool] = []
    waiting = Thread(target=lambda: answers.append(jobs.accept(first.number, HERE, patiently=True)))
    waiting.start()
    waiting.join(0.05)
    assert answers == []
    jobs.confirm(clock.seconds)
    waiting.join(10.0)
    assert answers == [True]
    clock.seconds += 20.0
    assert jobs.is_stale
    assert not jobs.accept(second.number, HERE, patiently=True)


def test_a_job_that_is_given_back_is_the_next_one_and_what_nobody_looked_at_counts_as_not_handed_out() -> None:
    jobs = owner(Clock(), 1, 2)
    (grant,) = jobs.hand_out(1, "other")
    jobs.give_back(grant.number, "other", untouched=True)
    (again,) = jobs.hand_out(1, HERE)
    assert (again.job.offset, again.job.deliveries) == (1, 1)


def test_what_a_partition_that_went_has_handed_out_can_not_be_accepted() -> None:
    jobs = owner(Clock(), 1, 2)
    (grant,) = jobs.hand_out(1, HERE)
    jobs.drop(frozenset({0}))
    assert not jobs.accept(grant.number, HERE)
    assert not jobs.hand_out(1, HERE)
    jobs.give_back(grant.number, HERE)
    assert not jobs.waiting
