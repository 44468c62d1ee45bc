"""Scaling under load, in good order: processes join by the handful and are told to end (SIGTERM), again and again, while executions run.

Nobody ends by itself, who is told to ends with 0, each execution ends as its flow dictates. A session lasts longer than any patience here:
whoever leaves without a word, so that the others wait for it, fails the test.
"""

import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.leftovers import nothing_is_left
from tests.integration.faults.record import Chronicle
from tests.integration.faults.replies import Replies
from tests.integration.faults.site import Member, Site
from tests.integration.faults.workload import FLOWS, STARTED
from tests.services.broker import Broker

SESSION = 120_000
PATIENCE = 60.0


@dataclass(frozen=True)
class Crowd:
    """Who comes, and how they work.

    Attributes:
        protocol: that their groups speak.
        state: where executors keep their state.
        first, more: who is there from the beginning, and who comes in each round; of the latter every second one stays until the next.
    """

    protocol: str
    state: str
    first: Sequence[str]
    more: Sequence[str]
    rounds: int


APART = Crowd("classic", "memory", ("executor", "limiter", "worker"), ("executor", "executor", "limiter", "limiter", "worker", "worker"), 2)
ALL_IN_ONE = Crowd("consumer", "disk", ("standalone",), ("standalone",) * 3, 1)


class Load:
    """Executions of all flows, which are told what they wait for."""

    def __init__(self, client: EngineClient) -> None:
        self.chronicle = Chronicle(client.log)
        self._client = client
        self._created: set[str] = set()
        self._replies = Replies(client)

    def create(self) -> None:
        """Create an execution of each flow."""
        self._created.update(self._client.create(STARTED))

    def until_finished(self, left: int = 0) -> None:
        """Go on until all but so many have ended."""
        self.chronicle.until(lambda: self._is_finished(left), f"all but {left} end", PATIENCE)

    def _is_finished(self, left: int) -> bool:
        for story in tuple(self.chronicle.stories.values()):
            self._replies.answer(story)
        return len(self._created - self.chronicle.finished) <= left


@pytest.mark.parametrize("crowd", [APART, ALL_IN_ONE], ids=["apart", "all in one, on disk"])
def test_processes_that_come_and_go_in_good_order_disturb_nothing(crowd: Crowd, kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """There are two partitions: many of those that come have none, and go again without."""
    client = {**kafka.client, "group.protocol": crowd.protocol, "session.timeout.ms": str(SESSION)}
    server = {"termination-grace-period": "1s", "liveness": {"timeout": "10m"}}
    with Site(
        tmp_path, client, server=server, engine={"state": {"type": crowd.state}}, kafka={"defaults": {"topic-prefix": prefix}}
    ) as site:
        old = begin(site, *crowd.first)
        site.wait_ready()
        with client_of(site.config, FLOWS) as engine_client:
            load = Load(engine_client)
            for _ in range(crowd.rounds):
                load.create()
                new = begin(site, *crowd.more)
                load.until_finished(len(STARTED) // 2)
                site.wait_ready()
                load.create()
                end(site, *old, *new[::2])
                old = new[1::2]
                load.create()
            load.until_finished()
            load.chronicle.catch_up()
            assert list(load.chronicle.faults()) == []
            nothing_is_left(site, kafka, prefix)
            end(site, *old)
            load.chronicle.close()


def begin(site: Site, *components: str) -> list[Member]:
    """Start processes in the same moment, each with a disk of its own."""
    folders = [str(site.folder / f"state-{uuid4().hex}") for _ in components]
    return [
        member
        for component, folder in zip(components, folders, strict=True)
        for member in site.begin(component, KESTRA_ENGINE_STATE_PATH=folder)
    ]


def end(site: Site, *members: Member) -> None:
    """Tell processes to end in the same moment: each does, and nobody else has."""
    site.check()
    for member in members:
        member.signal(signal.SIGTERM)
    for member in members:
        site.members.remove(member)
        assert member.wait() == 0, f"{member.name} has ended otherwise:\n" + "\n".join(member.lines()[-30:])
