"""kill -9 and freezes of servers at random while executions run: each ends as its flow dictates, and nothing is left behind.

`KESTRA_STREAM_TEST_EXECUTIONS` says how many executions (docs/testing.md), `KESTRA_STREAM_TEST_SEED` draws the same faults again.
"""

import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random

import pytest

from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, Member, fleet_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.record import Chronicle
from tests.integration.faults.replies import Replies
from tests.integration.faults.workload import FLOWS, STARTED
from tests.services.broker import Broker

EXECUTIONS = int(os.environ.get("KESTRA_STREAM_TEST_EXECUTIONS", "360"))
SEED = int(os.environ.get("KESTRA_STREAM_TEST_SEED", "0")) or time.time_ns() % 100_000
IN_FLIGHT = 250
ONE_EACH = ("executor", "executor", "worker", "worker", "limiter", "limiter")
ALL_IN_ONE = ("standalone", "standalone", "standalone")
LONGEST = 240 + EXECUTIONS * 0.3
FEWEST_FAULTS = 8
FREEZES = 0.25
LONGEST_SLEEP = 9.0
MOST_AWAY = 3
SOON = {"KESTRA_SERVER_LIVENESS_TIMEOUT": "6s", "KESTRA_SERVER_LIVENESS_HEARTBEAT_INTERVAL": "500ms"}


class Siege:
    """Executions are created and told what they wait for; every now and then a process is killed and replaced, or sleeps for a while."""

    def __init__(self, fleet: Fleet, client: EngineClient, executions: int, random: Random) -> None:
        self.chronicle = Chronicle(client.log)
        self.faults: Counter[str] = Counter()
        self._fleet, self._client, self._random = fleet, client, random
        self._executions = executions
        self._waiting = [STARTED[number % len(STARTED)] for number in range(executions)]
        random.shuffle(self._waiting)
        self._created: set[str] = set()
        self._replies = Replies(client)
        self._next_fault = time.monotonic()
        self._turns: list[str] = []
        self._asleep: dict[Member, float] = {}
        self._starting: set[Member] = set()

    @property
    def is_over(self) -> bool:
        """Whether all has been created and has ended."""
        finished = self.chronicle.finished
        return not self._waiting and self._created <= finished and len(finished) == len(self.chronicle.stories)

    def run(self) -> None:
        """Go on until all is over."""
        deadline = time.monotonic() + LONGEST
        while not self.is_over and time.monotonic() < deadline:
            self._create()
            for story in self.chronicle.read(0.1):
                self._replies.answer(story)
            self._wake(time.monotonic())
            self._disturb(time.monotonic())
        self._wake(float("inf"))

    def _create(self) -> None:
        """Create as many as there is room for; the last ones only after enough has happened."""
        due = self._executions * (1 + self.faults.total()) // FEWEST_FAULTS - len(self._created)
        room = max(min(due, IN_FLIGHT - len(self._created - self.chronicle.finished)), 0)
        flows, self._waiting = self._waiting[:room], self._waiting[room:]
        if flows:
            self._created.update(self._client.create(flows))

    def _disturb(self, now: float) -> None:
        """Kill somebody, who is replaced, or freeze somebody, as long as there is much to do."""
        if now < self._next_fault or not (self._waiting or len(self._created - self.chronicle.finished) > IN_FLIGHT // 4):
            return
        self._next_fault = now + self._random.uniform(0.5, 3.0)
        for member in self._fleet.members:
            member.process.check()  # nobody ends but by our hand
        self._starting = {member for member in self._starting if member in self._asleep or not member.is_ready()}
        if len(self._starting | self._asleep.keys()) >= MOST_AWAY:
            return  # a machine that is busy with everything else starts processes slower than this kills them
        if not self._turns:
            crowd = [member.component for member in self._fleet.members]
            self._turns = self._random.sample(crowd, len(crowd))
        victim = self._fleet.any(self._turns.pop(), self._random)
        if victim not in self._asleep and self._random.random() < FREEZES:
            self._freeze(victim, now)
        else:
            self._replace(victim)

    def _freeze(self, victim: Member, now: float) -> None:
        victim.process.pause()
        self._asleep[victim] = now + self._random.uniform(0.5, LONGEST_SLEEP)
        self.faults[f"{victim.component} frozen"] += 1

    def _replace(self, victim: Member) -> None:
        self._asleep.pop(victim, None)
        self._starting.discard(victim)
        self._fleet.kill(victim)
        self._starting.add(self._fleet.start(victim.component))
        self.faults[f"{victim.component} killed"] += 1

    def _wake(self, now: float) -> None:
        for member, wakes_at in tuple(self._asleep.items()):
            if now >= wakes_at:
                member.process.resume()
                del self._asleep[member]


@pytest.mark.timeout(LONGEST + 240)
@pytest.mark.parametrize(("crowd", "executions"), [(ONE_EACH, EXECUTIONS), (ALL_IN_ONE, EXECUTIONS // 4)], ids=["apart", "all in one"])
def test_whoever_dies_or_sleeps_each_execution_ends_as_its_flow_dictates(
    crowd: Sequence[str], executions: int, kafka: Broker, prefix: str, tmp_path: Path
) -> None:
    print(f"seed {SEED}, {executions} executions")  # noqa: T201 - a failure must be seen again
    with fleet_of(kafka, prefix, tmp_path, **SOON) as fleet:
        fleet.started(*crowd)
        with client_of(fleet.config, FLOWS) as client:
            siege = Siege(fleet, client, executions, Random(SEED))  # noqa: S311 - a test
            siege.run()
            print(f"faults: {dict(siege.faults)}")  # noqa: T201 - what the run was
            siege.chronicle.catch_up()
            assert list(siege.chronicle.faults()) == []
            nothing_is_left(fleet, kafka, prefix)
            siege.chronicle.catch_up()
            assert list(siege.chronicle.faults()) == []
            siege.chronicle.close()
