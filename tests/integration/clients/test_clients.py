"""Clients of the log on a real Kafka: no repository, an engine in other threads, everything by topics alone."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.topics import prepare_topics
from kestra_stream.cli.engine.client import remote
from kestra_stream.cli.engine.elsewhere import remote_log
from kestra_stream.cli.execution import orders
from kestra_stream.cli.execution.following import Wish, follow, start
from kestra_stream.cli.execution.told import tell_history
from kestra_stream.cli.exit_codes import FAILED, OK, PAUSED, TIMEOUT
from kestra_stream.cli.run import Request, run_flow
from kestra_stream.cli.session import Terms
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.state import S
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.settings import load_settings
from tests.services.broker import Broker

PATIENCE = 60.0
WAITS = """
id: waits
namespace: tests.clients
inputs:
  - {id: name, type: STRING, defaults: you}
tasks:
  - id: say
    type: io.kestra.plugin.core.execution.SetVariables
    variables: {who: "{{ inputs.name }}"}
  - id: stop
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: answer, type: INT}
  - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.clients, flowId: child}
outputs:
  - {id: answer, type: INT, value: "{{ outputs.stop.onResume.answer }}"}
---
id: child
namespace: tests.clients
tasks:
  - {id: end, type: io.kestra.plugin.core.execution.Exit, state: WARNING}
"""
FAILS = """
id: fails
namespace: tests.clients
tasks:
  - {id: first, type: io.kestra.plugin.core.execution.SetVariables, variables: {a: 1}}
  - {id: second, type: io.kestra.plugin.core.flow.Pause, timeout: PT0.2S}
"""


@pytest.fixture
def config(tmp_path: Path, kafka: Broker, prefix: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of an engine with topics of the test's own, which are there."""
    for name in [name for name in os.environ if name.startswith("KESTRA_")]:
        monkeypatch.delenv(name)  # the file alone counts here
    settings = {
        "queue": {"type": "kafka"},
        "kafka": {"client": {"properties": dict(kafka.client)}, "defaults": {"topic-prefix": prefix, "topic": {"partitions": 2}}},
        "storage": {"type": "local", "local": {"base-path": str(tmp_path / "storage")}},
        "server": {"port": 0},
    }
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"kestra": settings}), encoding="utf-8")
    prepare_topics(load_settings(path, {}))
    return path


def engine(config: Path, component: Component) -> Server:
    settings, clock = load_settings(config, {}), SystemClock()
    server = Server(component, Equipment(settings, open_backend(settings, clock), clock))
    server.start()
    return server


@pytest.fixture
def engines(config: Path) -> Iterator[None]:
    """An executor and a limiter."""
    servers = [engine(config, component) for component in (Component.EXECUTOR, Component.LIMITER)]
    yield
    for server in servers:
        server.stop(0.0)


@pytest.fixture
def run(tmp_path: Path, config: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run a flow as the command does; return the exit code and the document."""

    def run(text: str, *inputs: str, on_pause: str = "stop", timeout: str | None = None) -> tuple[int, Any]:
        path = tmp_path / "flow.yaml"
        path.write_text(text, encoding="utf-8")
        capsys.readouterr()
        code = run_flow(Request([path], inputs, (), timeout, tmp_path / "unused", "json", on_pause, config))
        return code, orjson.loads(capsys.readouterr().out)

    return run


@pytest.mark.usefixtures("engines")
def test_a_run_stops_at_a_pause_goes_on_by_a_command_and_is_remembered(
    config: Path, run: Callable[..., tuple[int, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = run(WAITS, "name=Ada")
    execution_id = document["execution"]["id"]
    assert (code, document["execution"]["state"]["current"], document["execution"]["variables"]) == (PAUSED, "PAUSED", {"who": "Ada"})
    with remote(config, keeps=False) as client:
        assert orders.resume(client, execution_id, PATIENCE, ["answer=42"]).is_done
    with remote(config, keeps=True) as client:
        assert follow(client, execution_id, Terms("wait", PATIENCE, kills=False), "json") == OK
    document = orjson.loads(capsys.readouterr().out)
    assert (document["execution"]["state"]["current"], document["execution"]["outputs"]) == ("WARNING", {"answer": 42})
    assert [child["flowId"] for child in document["executions"]] == ["child"]
    with remote_log(config) as log:
        assert tell_history(log, execution_id, SystemClock().now(), (1, None), "json") == OK
        then = orjson.loads(capsys.readouterr().out)["execution"]
        assert tell_history(log, execution_id, SystemClock().now(), (None, None), "json") == OK
        timeline = orjson.loads(capsys.readouterr().out)
    assert then["state"]["current"] in {"CREATED", "RUNNING", "PAUSED"}
    assert (timeline["missing"], timeline["repeated"]) == ([], [])
    assert timeline["events"][-1]["finished"]


@pytest.mark.usefixtures("engines")
def test_an_ended_execution_is_restarted_and_replayed_though_nobody_keeps_it_but_the_log(
    config: Path, run: Callable[..., tuple[int, Any]]
) -> None:
    code, document = run(FAILS, on_pause="wait")
    execution_id = document["execution"]["id"]
    assert code == FAILED
    with remote(config, keeps=False) as client:
        answer = orders.restart(client, execution_id, PATIENCE)
    assert (answer.is_done, answer.head.attempt_number) == (True, 2)
    with remote(config, keeps=False) as client:
        assert follow(client, execution_id, Terms("wait", PATIENCE, kills=False), "table") == FAILED
        known = client.follower.executions[execution_id]
        assert [run.state.current for run in known.folded.listed()] == [S.SUCCESS, S.FAILED]
    with remote(config, keeps=False) as client:
        replayed = orders.replay(client, execution_id, PATIENCE)
    assert (replayed.is_done, replayed.head.parent_id) == (True, execution_id)


def test_flows_that_are_saved_at_once_get_a_revision_each(config: Path) -> None:
    def save(number: int) -> tuple[int, str]:
        text = f"{FAILS}description: {number}\n"
        with remote(config, keeps=False) as client:
            return client.flows.save(FlowSource("main", "tests.clients", "fails", 0, text, {})).revision, f"{number}"

    with ThreadPoolExecutor(4) as pool:
        saved = dict(pool.map(save, range(4)))
    assert sorted(saved) == [1, 2, 3, 4]
    with remote(config, keeps=False) as client:
        flows = [client.door.flow("main", "tests.clients", "fails", revision) for revision in saved]
    assert [flow and str(flow.description) for flow in flows] == list(saved.values())


def test_without_an_executor_a_start_waits_in_the_log_and_is_taken_up_later(config: Path, run: Callable[..., tuple[int, Any]]) -> None:
    code, document = run(FAILS, timeout="0.5")
    assert (code, document["execution"]["state"]["current"]) == (TIMEOUT, "CREATED")
    with remote(config, keeps=False) as client:
        assert start(client, Wish(["tests.clients.fails"], 0, [], []), None, 0.5, "table") == TIMEOUT
        waiting = client.executions.create(client.door.flow("main", "tests.clients", "fails", 1) or pytest.fail("no flow"))
        client.follower.follow(waiting.id)
        servers = [engine(config, Component.EXECUTOR)]
        try:
            assert orders.started(client, waiting, PATIENCE).is_done
        finally:
            for server in servers:
                server.stop(0.0)
