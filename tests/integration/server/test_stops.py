"""Signals and ends: whatever a server is doing, it ends within seconds, with the exit code of the page."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kestra_stream.executor.ended import ENDED
from kestra_stream.queue.kafka.partitioner import partition_of
from kestra_stream.queue.kafka.state.parts import key_of
from kestra_stream.queue.serde import HEADERS, to_bytes
from tests.integration.server.test_server import is_ready, variables
from tests.services.broker import Broker
from tests.services.kafka import KafkaCluster
from tests.unit.assembly.polling import until
from tests.unit.cli.command import COMMAND
from tests.unit.cli.server_process import running

ENDS_WITHIN = 60  # what takes longer waits for something that does not come


@pytest.fixture(scope="module")
def cluster() -> Iterator[KafkaCluster]:
    with KafkaCluster() as cluster:
        yield cluster


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_waits_for_a_broker_ends_at_once(number: int, tmp_path: Path) -> None:
    told = variables(Broker({"bootstrap.servers": "127.0.0.1:1"}), "none_", tmp_path)
    environment = {**told, "KESTRA_KAFKA_CLIENT_START_TIMEOUT": "10m", "PATH": ""}
    command = [COMMAND, "server", "executor"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr is not None
        assert "it is waited for" in process.stderr.readline()
        process.send_signal(number)
        rest = process.stderr.read()
        assert process.wait(ENDS_WITHIN) == 0
    assert "executor was told to stop before it had started" in rest
    assert "Traceback" not in rest


def test_servers_whose_broker_is_away_end_all_the_same(cluster: KafkaCluster, tmp_path: Path) -> None:
    with ExitStack() as stack:
        told = variables(cluster.broker, "away_", tmp_path)
        servers = [stack.enter_context(running(tmp_path, name, **told)) for name in ("executor", "limiter", "worker")]
        for server in servers:
            until(partial(is_ready, server))
        servers[0].process.send_signal(signal.SIGHUP)
        cluster.kill()
        try:
            for server in servers:
                server.process.send_signal(signal.SIGTERM)
            assert [server.process.wait(ENDS_WITHIN) for server in servers] == [0, 0, 0]
        finally:
            cluster.start()
        told_of_trouble = "".join(server.process.stderr.read() for server in servers if server.process.stderr is not None)
        assert "Traceback" not in told_of_trouble


def test_the_older_of_two_processes_with_one_instance_id_ends(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    told = {**variables(kafka, prefix, tmp_path), "KESTRA_KAFKA_CLIENT_INSTANCE_ID": "executor-1"}
    with running(tmp_path, "executor", **told) as older:
        until(partial(is_ready, older))
        with running(tmp_path, "executor", **told) as newer:
            errors = older.process.stderr
            assert errors is not None
            last = errors.read().splitlines()[-1]
            assert older.process.wait(ENDS_WITHIN) == 1
            assert "another process" in last
            assert "kestra.kafka.client.instance-id" in last
            until(partial(is_ready, newer))
            assert newer.end(signal.SIGTERM) == 0


def test_a_server_that_is_told_to_stop_while_it_restores_ends_at_once_and_harms_nothing(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    told = variables(kafka, prefix, tmp_path)
    with running(tmp_path, "executor", **told) as server:
        until(partial(is_ready, server))
        assert server.end(signal.SIGTERM) == 0
    marks = 150_000
    remember_ended(kafka, f"{prefix}executor_state", marks)
    for _ in range(2):
        with running(tmp_path, "executor", **told) as server:
            server.told(r"executor_state: up to \d+ records of state are read")
            assert server.end(signal.SIGTERM) == 0
            assert "executor_state: the state beside" not in "".join(server.lines), "it was in the middle of it"
            assert "Traceback" not in "".join(server.lines)
    with running(tmp_path, "executor", **told) as server:
        assert int(server.told(r"executor_state: the state beside .* is restored: (\d+) records")[1]) == marks
        until(partial(is_ready, server))
        assert server.end(signal.SIGTERM) == 0


def remember_ended(kafka: Broker, topic: str, count: int) -> None:
    """Write what an executor keeps of executions that have ended not long ago."""
    producer = Producer({**kafka.client, "linger.ms": 50, "queue.buffering.max.messages": count})
    headers: list[tuple[str, str | bytes | None]] = [*HEADERS]
    for number in range(count):
        owner = f"ended-{number}"
        where = partition_of(owner.encode(), 2)
        producer.produce(topic, to_bytes(datetime.now(UTC)), key_of(owner, ENDED), where, headers=headers)
        if number % 1_000 == 0:
            producer.poll(0)
    assert producer.flush(60) == 0
