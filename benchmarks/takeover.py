"""How long work stands still when a server is killed (-9), with default settings: from the kill until all that waited for it has ended.

python -m benchmarks.takeover [--dry] [--rounds=5]
Two executors, two workers, two limiters and a broker on this machine; an execution is created every 50 ms.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

from benchmarks.report import Figure, run
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, Member, fleet_of
from tests.integration.faults.record import Chronicle
from tests.services.kafka import KafkaCluster

FLOWS = """
id: quick
tasks:
  - {id: work, type: io.kestra.plugin.core.log.Log, message: done}
---
id: limited
concurrency: {limit: 1000, behavior: QUEUE}
tasks:
  - {id: work, type: io.kestra.plugin.core.log.Log, message: done}
---
id: again
tasks:
  - {id: work, type: io.kestra.plugin.core.flow.Sleep, duration: "{{ taskrun.attemptsCount > 0 ? 'PT0.01S' : 'PT1H' }}"}
"""
CROWD = ("executor", "executor", "worker", "worker", "limiter", "limiter")
_TACT = 0.05
_BEFORE, _AFTER = 1.0, 1.0


def rounds_asked() -> int:
    """How often each is killed."""
    return next((int(word.split("=")[1]) for word in sys.argv if word.startswith("--rounds=")), 5)


class Stream:
    """Executions that are created one after the other; notes when each of them has ended."""

    def __init__(self, client: EngineClient, flow: str) -> None:
        self.chronicle = Chronicle(client.log)
        self.chronicle.catch_up()
        self.ended: dict[str, float] = {}
        self._client, self._flow = client, flow

    def go_on(self, seconds: float) -> list[str]:
        """Create executions for so long; return their ids."""
        created: list[str] = []
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            created += self._client.create([self._flow])
            self.listen(_TACT)
        return created

    def listen(self, seconds: float) -> None:
        """Read events for so long."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            for story in self.chronicle.read(left):
                if story.folded.is_finished:
                    self.ended.setdefault(story.head.id, time.monotonic())

    def last_end(self, created: Sequence[str]) -> float:
        """Wait until all have ended; return when the last one did."""
        while not all(one in self.ended for one in created):
            self.listen(_TACT)
        return max(self.ended[one] for one in created)


def standstill(fleet: Fleet, client: EngineClient, component: str, flow: str) -> float:
    """Seconds until all ended that was under way or came within a second, once one process of a component is killed."""
    stream = Stream(client, flow)
    created = stream.go_on(_BEFORE)
    fleet.kill(next(member for member in fleet.members if member.component == component))
    killed_at = time.monotonic()
    created += stream.go_on(_AFTER)
    seconds = stream.last_end(created) - killed_at
    stream.chronicle.close()
    fleet.started(component)
    return seconds


def lost_task(fleet: Fleet, client: EngineClient) -> float:
    """Seconds until a task has run elsewhere, once its worker is killed in the middle of it."""
    stream = Stream(client, "again")
    (created,) = client.create(["again"])
    fleet.kill(_worker_of(fleet, stream, created))
    killed_at = time.monotonic()
    seconds = stream.last_end([created]) - killed_at
    stream.chronicle.close()
    fleet.started("worker")
    return seconds


def _worker_of(fleet: Fleet, stream: Stream, execution_id: str) -> Member:
    """Wait until a worker has told that it runs the task."""
    while True:
        stream.listen(_TACT)
        runs = stream.chronicle.stories[execution_id].folded.listed()
        if runs and runs[0].attempts:
            return fleet.by_id(runs[0].attempts[-1].worker_id)


def figures() -> list[Figure]:
    """Measure everything."""
    count = rounds_asked()
    with tempfile.TemporaryDirectory() as folder, KafkaCluster() as cluster, fleet_of(cluster.broker, "takeover-", Path(folder)) as fleet:
        fleet.started(*CROWD)
        with client_of(fleet.config, FLOWS) as client:

            def measured(what: Callable[[], float]) -> list[float]:
                return [what() for _ in range(count)]

            executor = measured(lambda: standstill(fleet, client, "executor", "quick"))
            limiter = measured(lambda: standstill(fleet, client, "limiter", "limited"))
            waiting = measured(lambda: standstill(fleet, client, "worker", "quick"))
            running = measured(lambda: lost_task(fleet, client))
    return [
        *_both("an executor is killed: until its executions have ended", executor, "<= 10"),
        *_both("a limiter is killed: until its executions have ended", limiter, "<= 10"),
        *_both("a worker is killed: until the jobs that waited for it have ended", waiting, "<= 10"),
        *_both("a worker is killed: until a task that it ran has ended elsewhere", running, "<= 35"),
    ]


def _both(name: str, seconds: Sequence[float], goal: str) -> list[Figure]:
    return [Figure(f"{name}, median, s", median(seconds), goal), Figure(f"{name}, longest, s", max(seconds), goal)]


if __name__ == "__main__":
    run("takeover", figures)
