"""kill -9 of executors, workers and limiters at random while executions run: each ends as its flow dictates, and nothing is left behind.

`KESTRA_STREAM_TEST_EXECUTIONS` says how many executions (docs/testing.md), `KESTRA_STREAM_TEST_SEED` draws the same kills again.
"""

import os
import time
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from kestra_stream.queue.interface import Outgoing
from kestra_stream.topics import EXECUTION_INBOX
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, fleet_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.record import Chronicle, Story
from tests.integration.faults.workload import ENDINGS, FLOWS, STARTED
from tests.services.broker import Broker

EXECUTIONS = int(os.environ.get("KESTRA_STREAM_TEST_EXECUTIONS", "360"))
SEED = int(os.environ.get("KESTRA_STREAM_TEST_SEED", "0")) or time.time_ns() % 100_000
IN_FLIGHT = 250
CROWD = ("executor", "executor", "worker", "worker", "limiter", "limiter")
LONGEST = 240 + EXECUTIONS * 0.3
SOON = {"KESTRA_SERVER_LIVENESS_TIMEOUT": "6s", "KESTRA_SERVER_LIVENESS_HEARTBEAT_INTERVAL": "500ms"}


class Siege:
    """Executions are created and told what they wait for; every now and then a process is killed and replaced."""

    def __init__(self, fleet: Fleet, client: EngineClient, random: Random) -> None:
        self.chronicle = Chronicle(client.log)
        self.kills: Counter[str] = Counter()
        self._fleet, self._client, self._random = fleet, client, random
        flows = [STARTED[number % len(STARTED)] for number in range(EXECUTIONS)]
        random.shuffle(flows)
        self._waiting = flows
        self._created: set[str] = set()
        self._told: set[tuple[str, str]] = set()
        self._next_kill = time.monotonic()
        self._turns: list[str] = []

    @property
    def is_over(self) -> bool:
        """Whether all has been created and has ended."""
        return (
            not self._waiting and self._created <= self.chronicle.finished and len(self.chronicle.finished) == len(self.chronicle.stories)
        )

    def run(self) -> None:
        """Go on until all is over."""
        deadline = time.monotonic() + LONGEST
        while not self.is_over and time.monotonic() < deadline:
            self._create()
            for story in self.chronicle.read(0.1):
                self._answer(story)
            self._kill()

    def _create(self) -> None:
        room = IN_FLIGHT - len(self._created - self.chronicle.finished)
        flows, self._waiting = self._waiting[:room], self._waiting[max(room, 0) :]
        if room > 0 and flows:
            self._created.update(self._client.create(flows))

    def _answer(self, story: Story) -> None:
        """Send an execution what it waits for, once."""
        head = story.folded.head
        if head is None:
            return
        state = head.state.current
        wanted = ENDINGS[head.flow_id].asks.get(state)
        if wanted is not None and (head.id, state) not in self._told:
            self._told.add((head.id, state))
            self._client.log.send([Outgoing(EXECUTION_INBOX, head.id, wanted)])

    def _kill(self) -> None:
        """Kill somebody, as long as there is much to do; a new process takes the place."""
        if time.monotonic() < self._next_kill or not (self._waiting or len(self._created - self.chronicle.finished) > IN_FLIGHT // 4):
            return
        self._next_kill = time.monotonic() + self._random.uniform(0.5, 3.0)
        self._turns = self._turns or self._random.sample(CROWD, len(CROWD))
        victim = self._fleet.any(self._turns.pop(), self._random)
        self._fleet.kill(victim)
        self._fleet.start(victim.component)
        self.kills[victim.component] += 1


@pytest.mark.timeout(LONGEST + 240)
def test_whoever_is_killed_each_execution_ends_as_its_flow_dictates(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    print(f"seed {SEED}, {EXECUTIONS} executions")  # noqa: T201 - a failure must be seen again
    with fleet_of(kafka, prefix, tmp_path, **SOON) as fleet:
        fleet.started(*CROWD)
        with client_of(fleet.config, FLOWS) as client:
            siege = Siege(fleet, client, Random(SEED))  # noqa: S311 - a test
            siege.run()
            print(f"killed: {dict(siege.kills)}")  # noqa: T201 - what the run was
            siege.chronicle.catch_up()
            assert list(siege.chronicle.faults()) == []
            nothing_is_left(fleet, kafka, prefix)
            siege.chronicle.catch_up()
            assert list(siege.chronicle.faults()) == []
            siege.chronicle.close()
