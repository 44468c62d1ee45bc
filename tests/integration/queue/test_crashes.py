"""Processes die, freeze and come back in the middle of transactions: every record is counted once."""

import signal
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from tests.integration.queue.crowd import KEYS, crowd, wait_until
from tests.services.broker import Broker

CLASSIC = {"group.protocol": "classic", "session.timeout.ms": 6000}


@pytest.mark.parametrize("inboxes", [1, 2])
@pytest.mark.parametrize("stands_at", ["produced", "offsets"])
def test_what_a_killed_process_left_open_is_ended_by_its_heir(
    kafka: Broker, prefix: str, tmp_path: Path, stands_at: str, inboxes: int
) -> None:
    with crowd(kafka, tmp_path, prefix, inboxes, **CLASSIC, **{"transaction.timeout.ms": 600_000}) as counted:
        dead = counted.start(stands_at=stands_at)
        dead.wait_for("joined")
        counted.send(5)
        dead.wait_for("stopped")
        dead.kill()
        counted.start()
        counted.check()


def test_a_process_that_freezes_past_its_session_commits_nothing_afterwards(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    with crowd(kafka, tmp_path, prefix, 1, **CLASSIC) as counted:
        zombie = counted.start()
        zombie.wait_for("joined")
        with counted.sending(120):
            wait_until(partial(counted.has_sent, 20), 60, "some records", zombie)
            zombie.signal(signal.SIGSTOP)
            heir = counted.start()
            heir.wait_for("joined")
        zombie.signal(signal.SIGCONT)
        counted.send(20)
        counted.check()
        zombie.signal(signal.SIGTERM)
        zombie.ended()


def test_a_transaction_that_takes_too_long_is_done_again(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """The broker ends it, and the process goes on: nobody has taken its place."""
    with crowd(kafka, tmp_path, prefix, 1, **CLASSIC, **{"transaction.timeout.ms": 1000}) as counted:
        slow = counted.start(instance="only")
        slow.wait_for("joined")
        counted.send(5)
        counted.answers(5 * len(KEYS))
        for _ in range(2):
            with counted.sending(50):
                slow.signal(signal.SIGSTOP)
            counted_by = counted.sent
            slow.signal(signal.SIGCONT)
            counted.answers(counted_by * len(KEYS))
        counted.check()
        assert slow.process.poll() is None


def test_processes_that_are_killed_at_random_lose_and_double_nothing(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    with crowd(kafka, tmp_path, prefix, 2, **CLASSIC) as counted:
        for _ in range(2):
            counted.start().wait_for("joined")
        with counted.sending(400):
            for victim in range(3):
                wait_until(partial(counted.has_sent, 100 * (victim + 1)), 60, "some records")
                counted.start()
                counted.counters[victim].kill()
        counted.check()


def test_processes_that_die_in_their_first_transactions_while_records_pour_in_lose_and_double_nothing(
    kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    """One after the other takes its share over, gets so far, and is killed; what it has left open would hold its heirs up for minutes."""
    with crowd(kafka, tmp_path, prefix, 2, **CLASSIC, **{"transaction.timeout.ms": 600_000}) as counted:
        counted.start().wait_for("joined")
        for stands_at in ("produced", "offsets", "offsets", "produced"):
            dead = counted.start(stands_at=stands_at)
            while "stopped" not in dead.text():
                counted.send(1)
                Event().wait(0.05)
            dead.kill()
        counted.check()


def test_a_process_that_comes_back_under_its_instance_id_moves_no_partition(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    long = {"group.protocol": "classic", "session.timeout.ms": 45_000}
    with crowd(kafka, tmp_path, prefix, 1, **long) as counted:
        first, other = counted.start(instance="one"), counted.start(instance="two")
        first.wait_for("joined")
        other.wait_for("joined")
        counted.send(10)
        counted.answers(10 * len(KEYS))
        told = other.text().count("joined")
        first.kill()
        counted.send(10)
        counted.start(instance="one").wait_for("joined", 30)
        counted.check()
        assert other.text().count("joined") == told


def test_of_two_processes_with_one_instance_id_the_older_one_stops_and_says_so(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    with crowd(kafka, tmp_path, prefix, 1, **CLASSIC) as counted:
        older = counted.start(instance="one")
        older.wait_for("joined")
        counted.send(5)
        newer = counted.start(instance="one")
        older.ended()
        assert "give each its own" in older.text()
        counted.send(20)
        counted.check()
        assert newer.process.poll() is None
        assert "another process" not in newer.text()
