"""How long an executor with 100,000 live task runs is away when it is killed (-9) and started again: from the kill to its first decision.

python -m benchmarks.restore [--dry] [--runs=100000] [--broker=HOST:PORT]
One executor with default settings and a broker on this machine, and no worker: all task runs wait. Half of them belong to wide
executions (a ForEach over 1,000 values), half to executions of four. The state is kept in memory; in a copy on disk; and on a disk that
has lost its copy. The broker needs `session.timeout.ms` (6 s) to notice the death, and the new process starts meanwhile.
"""

import re
import shutil
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

from benchmarks.report import Figure, run
from tests.integration.faults.engine_client import EngineClient, client_of
from tests.integration.faults.fleet import Fleet, fleet_of
from tests.integration.faults.record import Chronicle
from tests.services.broker import Broker
from tests.services.kafka import KafkaCluster

FLOWS = """
id: wide
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ range(1, 999) }}"
    concurrencyLimit: 0
    tasks:
      - {id: work, type: io.kestra.plugin.core.log.Log, message: "{{ taskrun.value }}"}
---
id: small
tasks:
  - id: side
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: a, type: io.kestra.plugin.core.log.Log, message: a}
      - {id: b, type: io.kestra.plugin.core.log.Log, message: b, timeout: P1D}
      - {id: c, type: io.kestra.plugin.core.log.Log, message: c}
"""
RUNS = {"wide": 1_000, "small": 4}
GOAL = "<= 10"
_ROUNDS = 3
_AT_ONCE = 500
_PATIENCE = 1_200.0


def asked(name: str, otherwise: str) -> str:
    """Return an option of the command line."""
    return next((word.partition("=")[2] for word in sys.argv if word.startswith(f"--{name}=")), otherwise)


class Scene:
    """An engine of one executor, and what its log tells."""

    def __init__(self, fleet: Fleet, client: EngineClient) -> None:
        self._fleet = fleet
        self._client = client
        self._chronicle = Chronicle(client.log)
        (self._executor,) = fleet.members

    def fill(self, runs: int) -> None:
        """Begin executions until there are so many task runs, and wait for all of them."""
        flows = [flow for flow, each in RUNS.items() for _ in range(runs // 2 // each)]
        created: list[str] = []
        for begin in range(0, len(flows), _AT_ONCE):
            created += self._client.create(flows[begin : begin + _AT_ONCE])
        waiting, deadline = set(created), time.monotonic() + _PATIENCE
        while waiting:
            waiting -= {story.head.id for story in self._chronicle.read(0.1) if len(story.folded.listed()) >= RUNS[story.head.flow_id]}
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(waiting)} of {len(created)} executions have not got all of their task runs")

    def back(self, lost: Path | None = None) -> tuple[float, float]:
        """Kill the executor, lose a folder, start it: seconds until the first event of a new execution, and those of reading alone."""
        self._fleet.kill(self._executor)
        if lost is not None:
            shutil.rmtree(lost)
        began = time.monotonic()
        (new,) = self._client.create(["small"])
        self._executor = self._fleet.start("executor")
        self._chronicle.until(lambda: new in self._chronicle.stories, "the first decision", _PATIENCE)
        away = time.monotonic() - began
        self._fleet.wait_ready(self._executor)
        return away, sum(
            float(each) for each in re.findall(r"executor_state: .* is restored: \d+ records in (\S+) s", "\n".join(self._executor.lines()))
        )


@contextmanager
def scene_of(broker: Broker, prefix: str, folder: Path, **variables: str) -> Generator[Scene, None, None]:
    """Give a scene whose servers get these variables of the environment."""
    with fleet_of(broker, prefix, folder, **variables) as fleet:
        fleet.started("executor")
        with client_of(fleet.config, FLOWS) as client:
            yield Scene(fleet, client)


@contextmanager
def broker_asked() -> Generator[Broker, None, None]:
    """Give the broker of the command line, or one of our own."""
    given = asked("broker", "")
    if given:
        yield Broker({"bootstrap.servers": given})
        return
    with KafkaCluster() as cluster:
        yield cluster.broker


def figures() -> list[Figure]:
    """Measure everything."""
    runs, prefix = int(asked("runs", "100000")), f"restore-{uuid4().hex[:8]}-"
    found: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as name, broker_asked() as broker:
        folder = Path(name)
        copies = folder / "copies"
        with scene_of(broker, prefix, folder) as scene:
            scene.fill(runs)
            found["state in memory"] = [scene.back() for _ in range(_ROUNDS)]
        on_disk = {"KESTRA_ENGINE_STATE_TYPE": "disk", "KESTRA_ENGINE_STATE_PATH": str(copies)}
        with scene_of(broker, prefix, folder, **on_disk) as scene:
            found["a copy on disk"] = [scene.back() for _ in range(_ROUNDS)]
            found["a disk that has lost its copy"] = [scene.back(copies) for _ in range(_ROUNDS)]
        broker.delete_topics(broker.topics(prefix))
    return [figure for name, rounds in found.items() for figure in _both(f"{runs:,} task runs, {name}", rounds)]


def _both(name: str, rounds: list[tuple[float, float]]) -> list[Figure]:
    return [
        Figure(f"{name}: from kill -9 to the first decision, longest, s", max(away for away, _ in rounds), GOAL),
        Figure(f"{name}: reading alone, median, s", median(reading for _, reading in rounds)),
    ]


if __name__ == "__main__":
    run("restore", figures)
