"""The laws of the hand-over, whatever the network, sleeps and deaths do: seeds choose what happens, and each failure comes again."""

from collections.abc import Callable

import pytest

from kestra_stream.models.messages import Bid, HandOver, JobsAnswered, JobsWait, NoMoreJobs, WhoHasJobs
from tests.unit.queue.work_queue.simulator import LEASE, SESSION, Crew, Network

WAIT = 0.15
UNSURE = Network(lost=0.2, drops=(JobsWait, WhoHasJobs, Bid, HandOver, NoMoreJobs), doubled=0.2, late=0.1, latest=15.0)
HOSTILE = Network(lost=0.2, drops=(JobsWait, WhoHasJobs, Bid, HandOver, NoMoreJobs, JobsAnswered), doubled=0.2, late=0.1, latest=15.0)


def crew_of(seed: int, members: int, network: Network | None = None) -> Crew:
    crew = Crew(seed, network)
    for _ in range(members):
        crew.join()
    crew.run(5.0)
    return crew


@pytest.mark.parametrize("seed", range(3))
def test_while_a_slot_is_free_no_job_waits_for_a_busy_worker(seed: int) -> None:
    crew = crew_of(seed, members=6)
    for _ in range(40):
        crew.offer(crew.random.randrange(3), partition=crew.random.choice([0, 0, 0, 1, None]))
        crew.run(crew.random.uniform(0.0, 0.3))
    assert crew.run_until_done(30.0)
    assert not crew.doubled
    assert crew.worst_wait <= WAIT


@pytest.mark.parametrize("seed", range(3))
def test_messages_that_are_lost_late_or_doubled_cost_time_but_no_job_runs_twice(seed: int) -> None:
    crew = crew_of(seed, members=5, network=UNSURE)
    crew.slow_accepts = LEASE * 0.8
    for _ in range(20):
        crew.offer(crew.random.randrange(10), partition=crew.random.choice([0, 0, None]))
        crew.run(crew.random.uniform(0.0, 1.0))
    assert crew.run_until_done(300.0)
    crew.run(16.0)
    assert not crew.doubled


def kill(crew: Crew) -> None:
    crew.kill()
    crew.join()


def freeze(crew: Crew) -> None:
    crew.freeze(crew.random.uniform(1.0, SESSION * 3))


def come(crew: Crew) -> None:
    crew.join()


def go(crew: Crew) -> None:
    if len(crew.members) > 3:
        crew.leave()


@pytest.mark.parametrize("seed", range(6))
def test_no_job_is_lost_whatever_happens(seed: int) -> None:
    crew = crew_of(seed, members=5, network=HOSTILE if seed % 2 else Network())
    faults: list[Callable[[Crew], None]] = [kill, freeze, come, go]
    for _ in range(3):
        crew.offer(crew.random.randrange(20), partition=crew.random.choice([0, None]))
        crew.run(crew.random.uniform(0.0, 4.0))
        crew.random.choice(faults)(crew)
    assert crew.run_until_done(400.0)


@pytest.mark.parametrize("seed", range(3))
def test_workers_that_come_and_go_in_order_run_no_job_twice(seed: int) -> None:
    crew = crew_of(seed, members=4)
    for _ in range(20):
        crew.offer(crew.random.randrange(20), partition=crew.random.choice([0, None]))
        crew.run(crew.random.uniform(0.0, 3.0))
        crew.random.choice([come, go])(crew)
    assert crew.run_until_done(120.0)
    assert not crew.doubled


@pytest.mark.parametrize("seed", range(3))
def test_a_sleep_that_is_shorter_than_the_session_runs_no_job_twice(seed: int) -> None:
    crew = crew_of(seed, members=4)
    for _ in range(10):
        crew.offer(crew.random.randrange(20), partition=crew.random.choice([0, None]))
        crew.run(crew.random.uniform(0.0, 0.3))
        crew.freeze(crew.random.uniform(0.5, SESSION * 0.95))
        crew.run(SESSION)
    assert crew.run_until_done(120.0)
    assert not crew.doubled


@pytest.mark.parametrize("seed", range(3))
def test_the_dead_are_not_asked_for_jobs_again_and_again(seed: int) -> None:
    crew = crew_of(seed, members=6)
    crew.offer(200)
    crew.run(0.3)
    crew.kill()
    crew.kill()
    assert crew.run_until_done(120.0)
    crew.run(2 * SESSION)
    crew.worst_wait = 0.0
    for _ in range(30):
        crew.offer(8, partition=0)
        crew.run(crew.random.uniform(0.1, 0.5))
    assert crew.run_until_done(30.0)
    assert crew.worst_wait <= WAIT
