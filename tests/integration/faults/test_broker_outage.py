"""The broker goes away in the middle of work and comes back: processes wait, say so, compute nothing meanwhile, and lose and double nothing."""

import json
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest

from kestra_stream.cli.engine.client import Client, remote
from kestra_stream.models.flow_source import FlowSource
from tests.integration.faults.histories import Histories, histories
from tests.integration.faults.site import Member, Site
from tests.services.fixtures import ClusterMaker
from tests.services.kafka import SMALL_JVM
from tests.unit.assembly.polling import until

# Both are longer than sessions (6 s) and transactions (10 s) of the clients live without a broker.
OUTAGES = [("kill", 30.0), ("stop", 12.0)]
MOST_LINES = 60
MOST_CPU = 0.3
WORK = """
id: work
namespace: tests.faults
concurrency: {limit: 40, behavior: QUEUE}
tasks:
  - {id: first, type: io.kestra.plugin.core.output.OutputValues, values: {a: 1}}
  - {id: sleep, type: io.kestra.plugin.core.flow.Sleep, duration: PT0.5S}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [1, 2]
    tasks: [{id: say, type: io.kestra.plugin.core.log.Log, message: "{{ taskrun.value }}"}]
"""
RUNS = {"first": "SUCCESS", "sleep": "SUCCESS", "each": "SUCCESS", "say/1": "SUCCESS", "say/2": "SUCCESS"}


def begin(client: Client, count: int) -> list[str]:
    """Save the flow and create executions of it."""
    client.flows.save(FlowSource("main", "tests.faults", "work", 0, WORK, {}))
    flow = client.door.flow("main", "tests.faults", "work", 0)
    assert flow is not None
    return [client.executions.create(flow).id for _ in range(count)]


def finish(seen: Histories, ids: Sequence[str]) -> None:
    """Wait for the end of all, and look at what happened to each."""
    seen.wait(ids)
    seen.judge(ids, "SUCCESS", RUNS)


def elapse(seconds: float, site: Site) -> None:
    """Let time pass; nobody dies in it."""
    over = time.monotonic() + seconds

    def is_over() -> bool:
        site.check()
        return time.monotonic() > over

    until(is_over, seconds + 60)


def is_waiting(member: Member) -> bool:
    """Whether probes see that the broker is away, and that a new process would not help."""
    status, document = member.ask("/health/readiness")
    return status == 503 and json.loads(document)["details"]["log"]["status"] == "DOWN" and member.ask("/health/liveness")[0] == 200


@pytest.mark.parametrize(("way", "seconds"), OUTAGES)
def test_a_broker_that_is_away_is_waited_for(way: str, seconds: float, kafka_cluster: ClusterMaker, tmp_path: Path) -> None:
    cluster = kafka_cluster()
    with Site(tmp_path, cluster.broker.client) as site:
        members = site.start("executor", "limiter", "worker -t 16")
        with remote(site.config, keeps=False) as client, histories(client.door.log) as seen:
            ids = begin(client, 100)
            seen.wait(ids, len(ids) // 4)
            told = {member.name: len(member.lines()) for member in members}
            getattr(cluster, way)()
            for member in members:
                until(partial(is_waiting, member))
            used, since = {member.name: member.cpu_seconds for member in members}, time.monotonic()
            elapse(seconds, site)
            for member in members:
                load = (member.cpu_seconds - used[member.name]) / (time.monotonic() - since)
                assert load < MOST_CPU, f"{member.name} is busy with waiting: {load:.2f} of a core"
                lines = member.lines(told[member.name])
                assert len(lines) <= MOST_LINES, "\n".join(lines)
                assert any(cluster.bootstrap_servers in line and "tried again until it answers" in line for line in lines), "\n".join(lines)
            cluster.start()
            finish(seen, ids)
            for member in members:
                member.wait_ready()
        assert [member.end() for member in members] == [0, 0, 0]


def test_of_three_brokers_one_may_die(kafka_cluster: ClusterMaker, tmp_path: Path) -> None:
    """Each in turn, so that whatever it led or coordinated was led by one that died; the topics have three copies, two must have a record."""
    cluster = kafka_cluster(brokers=3, jvm=SMALL_JVM)
    with Site(tmp_path, cluster.broker.client) as site:
        members = site.start("executor", "limiter", "worker -t 16")
        with remote(site.config, keeps=False) as client, histories(client.door.log) as seen:
            ids: list[str] = []
            for node in (1, 2, 3):
                fresh = begin(client, 60)
                ids.extend(fresh)
                seen.wait(fresh, 10)
                cluster.kill(node)
                seen.wait(fresh)
                for member in members:
                    member.wait_ready()
                cluster.start(node)
                cluster.wait_for(3)
            finish(seen, ids)
        site.check()
        assert [member.end() for member in members] == [0, 0, 0]
