"""The management port: what is asked is answered, with the status that probes look at."""

import json
import socket
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from typing import Any

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.runtime.observation.health import Health
from kestra_stream.runtime.observation.management import Management
from kestra_stream.runtime.observation.metrics import Metrics

HOST = "127.0.0.1"


@pytest.fixture
def parts() -> dict[str, Health]:
    return {"loop": Health.of(is_up=True, stepSeconds=0.1)}


def broken() -> Health:
    raise ZeroDivisionError("what it looks at is gone")


@pytest.fixture
def port(parts: Mapping[str, Health]) -> Iterator[int]:
    metrics = Metrics()
    metrics.explain("things", "Things that were done.")
    metrics.count("things", 3)
    metrics.level("broken", lambda: 1 // 0)
    metrics.total("broken_too", lambda: 1 // 0)
    management = Management(HOST, 0, {"/health": lambda: Health.whole(parts), "/health/broken": broken}, metrics)
    yield management.port
    management.close()


def ask(port: int, path: str, method: str = "GET") -> tuple[int, str, bytes]:
    connection = HTTPConnection(HOST, port, timeout=30)
    connection.request(method, path)
    answer = connection.getresponse()
    found = answer.status, answer.headers["Content-Type"], answer.read()
    connection.close()
    return found


def document(port: int, path: str) -> tuple[int, Any]:
    status, kind, body = ask(port, path)
    assert kind == "application/json"
    return status, json.loads(body)


def test_health_has_the_shape_of_the_reference(port: int) -> None:
    part = {"name": "kestra-stream", "status": "UP", "details": {"stepSeconds": 0.1}}
    assert document(port, "/health?x=1") == (200, {"name": "kestra-stream", "status": "UP", "details": {"loop": part}})


def test_one_part_that_is_down_takes_the_whole_down(port: int, parts: dict[str, Health]) -> None:
    parts["worker"] = Health.of(is_up=False)
    status, body = document(port, "/health/")
    assert (status, body["status"]) == (503, "DOWN")
    assert body["details"]["worker"] == {"name": "kestra-stream", "status": "DOWN"}
    assert body["details"]["loop"]["status"] == "UP"


def test_a_probe_that_can_not_be_asked_is_down_and_says_why(port: int) -> None:
    status, body = document(port, "/health/broken")
    assert (status, body["status"]) == (503, "DOWN")
    assert body["details"] == {"error": "ZeroDivisionError: what it looks at is gone"}
    assert document(port, "/health")[0] == 200


def test_figures_are_text_for_prometheus_and_one_that_breaks_takes_no_other_away(port: int) -> None:
    status, kind, body = ask(port, "/prometheus")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert (
        body.decode() == "# HELP kestra_things_total Things that were done.\n# TYPE kestra_things_total counter\nkestra_things_total 3.0\n"
    )


def test_any_other_path_is_not_there(port: int) -> None:
    status, body = document(port, "/env")
    assert (status, body["message"]) == (404, "Page Not Found")


def test_a_probe_may_ask_for_the_head_alone(port: int) -> None:
    assert ask(port, "/health", "HEAD") == (200, "application/json", b"")


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.1"])
def test_a_host_that_is_not_this_machine_is_told(host: str) -> None:
    with pytest.raises(Invalid, match=rf"kestra\.server\.host: {host} is no address of this machine"):
        Management(host, 0, {}, Metrics())


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        with pytest.raises(Invalid, match=r"kestra\.server\.port: \d+ cannot be opened on 127\.0\.0\.1 \(Address already in use\)"):
            Management(HOST, taken.getsockname()[1], {}, Metrics())


def test_a_port_that_is_closed_answers_no_longer() -> None:
    management = Management(HOST, 0, {}, Metrics())
    management.close()
    with pytest.raises(ConnectionRefusedError):
        ask(management.port, "/health")
