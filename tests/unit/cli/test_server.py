"""`kestra-stream server` as a process: what it tells at its start, what it answers, how it ends."""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.unit.cli.command import EXAMPLES, kestra
from tests.unit.cli.server_process import running

pytestmark = pytest.mark.slow

SECRET = "aGVyZSBhcmUgdGhpcnR5LXR3byBieXRlcyBvZiBrZXk="


@pytest.mark.parametrize("component", ["executor", "limiter", "worker", "standalone"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_component_starts_answers_and_stops(component: str, number: int, tmp_path: Path) -> None:
    with running(tmp_path, component) as server:
        assert re.search(rf"kestra-stream \S+: {component} \w{{22}} on memory, management port \d+$", server.lines[-1].strip())
        assert server.ask("/health/liveness")[0] == 200
        assert f'component="{component}"' in server.ask("/prometheus")[1]
        assert server.end(number) == 0
        assert "has ended" in server.lines[-1]


def test_options_win_over_variables_and_those_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text("kestra: {worker: {slots: 2, group: a}, server: {port: 1}}")
    with running(tmp_path, "worker", "-c", "engine.yaml", "-t", "5", KESTRA_WORKER_SLOTS="4", KESTRA_WORKER_GROUP="b") as server:
        details = json.loads(server.ask("/health")[1])["details"]["worker"]["details"]
        assert (details["slots"], details["group"]) == (5, "b")
        assert server.end(signal.SIGTERM) == 0


def test_a_server_tells_no_secret(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text(f"kestra: {{encryption: {{secret-key: {SECRET}}}, variables: {{globals: {{a: {SECRET}}}}}}}")
    secrets = {"KESTRA_KAFKA_CLIENT_PROPERTIES_SASL_PASSWORD": SECRET, "KESTRA_STORAGE_S3_SECRET_KEY": SECRET}
    with running(tmp_path, "standalone", "-c", "engine.yaml", **secrets) as server:
        shown = "".join(server.ask(path)[1] for path in ("/health", "/health/readiness", "/prometheus"))
        assert server.end(signal.SIGTERM) == 0
        assert SECRET not in shown + "".join(server.lines)


def test_all_faults_are_told_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text(f"kestra:\n  queue: {{typ: kafka}}\n  encryption: {{secret-key: 'x{SECRET}'}}\n")
    done = kestra("server", "executor", "-c", "engine.yaml", cwd=tmp_path, check=2, KESTRA_SERVER_PRT="1")
    assert done.stderr.splitlines() == [
        "KESTRA_SERVER_PRT: sets nothing that is known; did you mean `KESTRA_SERVER_PORT`?",
        "engine.yaml:2:11: kestra.queue: `typ` is not known; did you mean `type`?",
        "engine.yaml:3:28: kestra.encryption.secret-key: must be base64 of 32 bytes, as `openssl rand -base64 32` prints them",
    ]
    assert kestra("server", "worker", "-c", "none.yaml", cwd=tmp_path, check=2).stderr == (
        "none.yaml: the settings cannot be read: No such file or directory\n"
    )


def test_the_file_of_the_settings_can_be_named_by_a_variable(tmp_path: Path) -> None:
    (tmp_path / "engine.yaml").write_text("kestra: {queue: {type: memory}}")
    for command in (("execution", "history", "a"), ("dead-letter", "list"), ("storage", "clean"), ("topic", "verify")):
        named = kestra(*command, cwd=tmp_path, check=2, KESTRA_CONFIGURATION_PATH="engine.yaml").stderr
        assert "kestra.queue.type" in named
        assert kestra(*command, cwd=tmp_path, check=2, KESTRA_CONFIGURATION_PATH="none.yaml").stderr == (
            "none.yaml: the settings cannot be read: No such file or directory\n"
        )


def test_a_client_without_settings_says_how_to_name_an_engine(tmp_path: Path) -> None:
    for command in (("execution", "history", "a"), ("dead-letter", "list")):
        assert kestra(*command, cwd=tmp_path, check=2).stderr == (
            "no engine is named: give the file of its settings by -c FILE, or in the variable KESTRA_CONFIGURATION_PATH\n"
        )


def test_run_takes_the_engine_that_the_environment_names(tmp_path: Path) -> None:
    """A container has its settings in variables; what it runs belongs on that engine, not into the container."""
    flow = EXAMPLES / "hello.yaml"
    lonely = {"KESTRA_QUEUE_TYPE": "kafka", "KESTRA_KAFKA_CLIENT_PROPERTIES_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    assert "127.0.0.1:1" in kestra("run", flow, cwd=tmp_path, check=1, **lonely).stderr
    assert "Hello, world!" in kestra("run", flow, cwd=tmp_path, KESTRA_QUEUE_TYPE="memory").stdout


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with running(tmp_path, "limiter") as server:
        done = kestra("server", "limiter", "--port", str(server.port), cwd=tmp_path, check=2, KESTRA_SERVER_HOST="127.0.0.1")
        assert f"kestra.server.port: {server.port} cannot be opened on 127.0.0.1 (Address already in use)" in done.stderr
        assert "Traceback" not in done.stderr
