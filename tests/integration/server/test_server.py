"""Servers on a real broker: topics are made, partitions are taken, a broker that is away or a wrong property is told at the start."""

import json
import signal
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from tests.services.broker import Broker
from tests.unit.assembly.polling import until
from tests.unit.cli.command import kestra
from tests.unit.cli.server_process import Running, running

SECRET = "hunter2-is-no-password"


def variables(kafka: Broker, prefix: str, folder: Path) -> dict[str, str]:
    """Return the environment of a server on the shared broker."""
    return {
        "KESTRA_QUEUE_TYPE": "kafka",
        "KESTRA_KAFKA_CLIENT_PROPERTIES": json.dumps(dict(kafka.client)),
        "KESTRA_KAFKA_DEFAULTS_TOPIC_PREFIX": prefix,
        "KESTRA_KAFKA_DEFAULTS_TOPIC_PARTITIONS": "2",
        "KESTRA_STORAGE_LOCAL_BASE_PATH": str(folder / "storage"),
    }


def is_ready(server: Running) -> bool:
    return server.ask("/health/readiness")[0] == 200


def test_executors_and_limiters_share_the_work_and_stop(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    """More members than partitions: who gets none is ready all the same, and takes over when another one stops."""
    with ExitStack() as stack:
        told = variables(kafka, prefix, tmp_path)
        servers = [stack.enter_context(running(tmp_path, name, **told)) for name in ("executor", "executor", "executor", "limiter")]
        for server in servers:
            until(partial(is_ready, server))
        assert {f"{prefix}execution_inbox", f"{prefix}executor_state", f"{prefix}dead_letter"} <= set(kafka.topics(prefix))
        assert servers[0].end(signal.SIGTERM) == 0
        until(lambda: is_ready(servers[1]) and is_ready(servers[2]))
        shown = servers[1].ask("/prometheus")[1]
        assert 'kestra_lag{group="executor",topic="execution_inbox"} 0.0' in shown
        assert [server.end(signal.SIGTERM) for server in servers[1:]] == [0, 0, 0]


def refused(told: Mapping[str, str], folder: Path, code: int) -> str:
    errors = kestra("server", "executor", cwd=folder, check=code, KESTRA_SERVER_PORT="0", **told).stderr
    assert "Traceback" not in errors
    assert SECRET not in errors
    return errors


def test_a_broker_that_is_away_is_waited_for_and_told(tmp_path: Path) -> None:
    told = {
        "KESTRA_QUEUE_TYPE": "kafka",
        "KESTRA_KAFKA_CLIENT_PROPERTIES_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "KESTRA_KAFKA_CLIENT_PROPERTIES_SASL_PASSWORD": SECRET,
        "KESTRA_KAFKA_CLIENT_START_TIMEOUT": "7s",
    }
    errors = refused(told, tmp_path, 1)
    assert "no broker answers at 127.0.0.1:1" in errors
    assert "it is waited for" in errors
    assert "kestra.kafka.client.properties.bootstrap.servers" in errors
    assert "given up after kestra.kafka.client.start-timeout (7 s)" in errors.splitlines()[-1]


def test_debug_shows_what_the_client_library_does_and_no_secret(kafka: Broker, tmp_path: Path) -> None:
    """The broker knows no passwords; the clients that are made only to look at the properties say nothing."""
    more = {
        "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SASL_MECHANISM": "PLAIN",
        "SASL_USERNAME": "me",
        "SASL_PASSWORD": SECRET,
        "DEBUG": "all",
    }
    told = {f"KESTRA_KAFKA_CLIENT_PROPERTIES_{name}": value for name, value in more.items()}
    errors = refused({**variables(kafka, "none_", tmp_path), **told}, tmp_path, 2)
    assert "DEBUG kestra_stream.kafka.admin: " in errors
    assert "sasl.password = [redacted]" in errors
    assert "127.0.0.1:0" not in errors


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("BOOTSTRAP_SERVER", "x", "bootstrap.server"),
        ("SECURITY_PROTOCOL", "SSLL", "security.protocol"),
        ("SSL_CA_LOCATION", "/none.pem", "ssl.ca.location"),
    ],
)
def test_a_wrong_property_is_told(name: str, value: str, said: str, kafka: Broker, prefix: str, tmp_path: Path) -> None:
    told = {**variables(kafka, prefix, tmp_path), f"KESTRA_KAFKA_CLIENT_PROPERTIES_{name}": value}
    if name == "SSL_CA_LOCATION":
        told["KESTRA_KAFKA_CLIENT_PROPERTIES_SECURITY_PROTOCOL"] = "SSL"
    errors = refused(told, tmp_path, 2)
    assert "kestra.kafka.client.properties" in errors
    assert said in errors


FLOW = """
id: hello
namespace: tests.server
tasks:
  - {id: out, type: io.kestra.plugin.core.output.OutputValues, values: {a: 1}}
  - {id: count, type: io.kestra.plugin.core.execution.Count, expression: "{{ true }}", allowFailure: true,
     flows: [{namespace: tests.server, flowId: hello}]}
"""


def test_a_flow_runs_over_processes_and_what_needs_a_repository_says_so(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    told = variables(kafka, prefix, tmp_path)
    (tmp_path / "hello.yaml").write_text(FLOW)
    (tmp_path / "engine.yaml").write_text("kestra: {}")
    with ExitStack() as stack:
        servers = [stack.enter_context(running(tmp_path, name, **told)) for name in ("executor", "limiter", "worker")]
        for server in servers:
            until(partial(is_ready, server))
        done = kestra("run", "hello.yaml", "-c", "engine.yaml", "-o", "json", cwd=tmp_path, check=0, **told)
        document = json.loads(done.stdout)
        assert document["execution"]["state"]["current"] == "WARNING"
        assert any("the Kafka family has no repository yet" in line["message"] for line in document["logs"])
        assert "kestra_worker_jobs_total" in servers[2].ask("/prometheus")[1]
        assert [server.end(signal.SIGTERM) for server in servers] == [0, 0, 0]
