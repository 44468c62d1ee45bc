"""What one worker answers to what another says, message by message."""

from threading import Condition

from kestra_stream.models.messages import Bid, HandOver, JobsAnswered, JobsWait, NoMoreJobs, WorkerTalk
from kestra_stream.queue.kafka.work_queue.exchange import Exchange
from kestra_stream.queue.kafka.work_queue.guests import Guests
from kestra_stream.queue.kafka.work_queue.jobs import Job, OwnJobs
from kestra_stream.queue.kafka.work_queue.progress import Marks


class Worker:
    """Both sides of one worker, under a clock that a test sets."""

    def __init__(self, *jobs: int) -> None:
        self.seconds = 100.0
        self.said: list[tuple[str, WorkerTalk]] = []
        changed = Condition()
        self.own = OwnJobs(changed, self._clock, lease_seconds=10.0, stale_seconds=3.0)
        self.guests = Guests(changed, self._clock, lease_seconds=10.0, most_idle=0.25)
        self.exchange = Exchange("me", self.own, self.guests, self._clock, lambda receiver, talk: self.said.append((receiver, talk)))
        self.own.partitions.assign(0, None, Marks())
        self.own.add([job(offset) for offset in jobs])

    def _clock(self) -> float:
        return self.seconds

    def heard(self) -> list[tuple[str, WorkerTalk]]:
        said, self.said = self.said, []
        return said

    def call(self) -> None:
        """Look twice, as jobs wait a moment before others are called."""
        self.exchange.look()
        self.seconds += 0.005
        self.exchange.look()


def job(offset: int) -> Job:
    return Job(0, offset, 0, b"{}", b"key", ())


def handed(number: int, bid_at: float | None) -> HandOver:
    return HandOver("owner", number, 0, number, 1, 0, b"{}", b"key", (), bid_at)


def test_jobs_that_wait_again_after_the_last_were_handed_on_are_called_out_at_once() -> None:
    worker = Worker(1)
    worker.call()
    assert worker.heard() == [("*", JobsWait("me"))]
    worker.exchange.hear(Bid("other", 4, 7.0))
    assert [type(talk) for _, talk in worker.heard()] == [HandOver, NoMoreJobs]
    worker.own.add([job(2)])
    worker.call()
    assert worker.heard() == [("*", JobsWait("me"))]


def test_an_owner_that_does_not_answer_a_bid_is_not_asked_again_before_it_calls() -> None:
    worker = Worker()
    worker.exchange.asking = 2
    worker.exchange.hear(JobsWait("dead"))
    assert worker.heard() == [("dead", Bid("me", 2, 100.0))]
    worker.seconds += 1.5
    worker.exchange.ask()
    assert not worker.heard()
    worker.exchange.hear(JobsWait("dead"))
    assert worker.heard() == [("dead", Bid("me", 2, 101.5))]


def test_the_moment_of_the_bid_comes_back_with_each_job() -> None:
    worker = Worker(1, 2)
    worker.exchange.hear(Bid("other", 2, 7.0))
    assert [talk.bid_at for _, talk in worker.heard() if isinstance(talk, HandOver)] == [7.0, 7.0]


def test_a_job_that_was_long_on_its_way_can_not_be_accepted_after_its_owner_has_given_up_on_it() -> None:
    worker = Worker()
    worker.exchange.hear(handed(1, bid_at=91.0))
    assert worker.guests.hand_out(1)
    worker.seconds += 1.5
    assert not worker.guests.end("owner", 1)
    worker.exchange.hear(handed(2, bid_at=91.0))
    assert not worker.guests.hand_out(1)


def test_a_job_that_comes_twice_is_handed_out_once() -> None:
    worker = Worker()
    for _ in range(2):
        worker.exchange.hear(handed(1, bid_at=100.0))
    assert len(worker.guests.hand_out(5)) == 1
    assert worker.guests.end("owner", 1)
    worker.exchange.hear(handed(1, bid_at=100.0))
    assert not worker.guests.hand_out(5)


def test_what_another_worker_has_accepted_is_noted_also_by_an_owner_that_has_slept() -> None:
    worker = Worker(1)
    worker.exchange.hear(Bid("other", 1, 7.0))
    worker.seconds += 4.0
    worker.exchange.hear(JobsAnswered("other", accepted=(1,)))
    worker.own.confirm(worker.seconds)
    worker.seconds += 20.0
    worker.own.answers_until = worker.seconds
    worker.own.bring_back()
    assert not worker.own.waiting


def test_a_worker_that_leaves_bids_no_more_and_sends_home_what_still_comes() -> None:
    worker = Worker()
    worker.exchange.asking = 3
    worker.exchange.hear(JobsWait("owner"))
    assert worker.heard() == [("owner", Bid("me", 3, 100.0))]
    worker.exchange.leave()
    assert worker.exchange.is_bidding
    worker.exchange.hear(handed(5, bid_at=100.0))
    assert worker.heard() == [("owner", JobsAnswered("me", untouched=(5,)))]
    worker.exchange.hear(NoMoreJobs("owner"))
    assert not worker.exchange.is_bidding
    worker.exchange.hear(JobsWait("owner"))
    assert not worker.heard()


def test_a_job_that_is_given_back_while_its_partition_goes_waits_for_the_next_owner() -> None:
    worker = Worker(1)
    worker.exchange.hear(Bid("other", 1, 7.0))
    worker.own.retire(frozenset({0}))
    worker.exchange.hear(JobsAnswered("other", released=(1,)))
    assert not worker.own.waiting
    assert not worker.own.granted(frozenset({0}))
    assert worker.own.partitions.of({0}) == {0: (1, Marks((), {1: 1}))}


def test_a_sleep_between_the_question_and_its_answer_is_not_overlooked() -> None:
    worker = Worker(1)
    asked_at = worker.seconds
    worker.seconds += 4.0
    worker.own.confirm(asked_at)
    assert worker.own.is_stale
