"""An executor that sleeps past its session (SIGSTOP, SIGCONT) while work flows: its partitions go to another one, and nothing is doubled."""

import time
from pathlib import Path
from random import Random

import pytest

from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, fleet_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.record import Chronicle
from tests.integration.faults.workload import FLOWS
from tests.services.broker import Broker

FLOW_OF_WORK = ("side_by_side", "looping", "delayed", "retried", "calling", "limited")
ROUNDS = 3
IN_A_ROUND = 60


@pytest.mark.timeout(400)
def test_an_executor_that_wakes_up_after_its_session_doubles_nothing(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    seed = time.time_ns() % 10_000
    print(f"seed {seed}")  # noqa: T201 - a failure must be seen again
    random = Random(seed)  # noqa: S311 - a test
    with fleet_of(kafka, prefix, tmp_path) as fleet:
        fleet.started("executor", "executor", "worker", "limiter")
        with client_of(fleet.config, FLOWS) as client:
            chronicle = Chronicle(client.log)
            for _ in range(ROUNDS):
                freeze_and_wake(fleet, client, chronicle, random)
            chronicle.catch_up()
            assert list(chronicle.faults()) == []
            nothing_is_left(fleet, kafka, prefix)
            chronicle.close()


def freeze_and_wake(fleet: Fleet, client: EngineClient, chronicle: Chronicle, random: Random) -> None:
    """Freeze one of two executors in the middle of work; the other one does all of it; the first one comes back to more."""
    sleeper = fleet.any("executor", random)
    created = set(client.create([random.choice(FLOW_OF_WORK) for _ in range(IN_A_ROUND)]))
    begun = random.randrange(1, IN_A_ROUND // 2)
    chronicle.until(lambda: len(chronicle.finished & created) >= begun, "work flows")
    sleeper.process.pause()
    created |= set(client.create([random.choice(FLOW_OF_WORK) for _ in range(IN_A_ROUND)]))
    chronicle.until(lambda: created <= chronicle.finished, "the other executor does all the work")
    created |= set(client.create([random.choice(FLOW_OF_WORK) for _ in range(IN_A_ROUND)]))
    sleeper.process.resume()
    chronicle.until(lambda: created <= chronicle.finished, "work goes on when the sleeper is back")
    fleet.wait_ready(sleeper)
