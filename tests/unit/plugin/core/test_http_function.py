"""`http()` of an expression, against a server on the loopback interface."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.models.messages import LookupCall, LookupJob
from kestra_stream.models.state import StateType
from kestra_stream.worker.lookup import answer
from tests.unit.plugin.core.server import Server, serving
from tests.unit.plugin.core.written import core_task
from tests.unit.plugin.script.attempts import Place


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def rendered(place: Place, expression: str, **variables: Any) -> str:
    ran = place.run(core_task("debug.Return", f"format: {json.dumps('{{ ' + expression + ' }}')}"), variables=variables)
    assert ran.ended.state is StateType.SUCCESS, ran.ended.error
    return str(ran.outputs["value"])


def refused(place: Place, expression: str, **variables: Any) -> str:
    ran = place.run(core_task("debug.Return", f"format: {json.dumps('{{ ' + expression + ' }}')}"), variables=variables)
    assert ran.ended.state is StateType.FAILED
    return str(ran.ended.error)


def test_an_answer_of_json_is_a_value(place: Place, server: Server) -> None:
    assert rendered(place, f"http('{server.url}/echo').path") == "/echo"
    assert rendered(place, f"http(uri='{server.url}/echo', query={{'a': [1, 2]}}) | jq('.query.a[]') | join('+')") == "1+2"


def test_any_other_answer_is_text(place: Place, server: Server) -> None:
    assert rendered(place, f"http('{server.url}/status/200')") == "fine"


def test_method_body_and_headers_are_sent(place: Place, server: Server) -> None:
    call = f"http(uri='{server.url}/echo', method='POST', body={{'k': 1}}, headers={{'X-A': 'b'}}, contentType='application/json', accept='text/x')"
    assert json.loads(rendered(place, f"{call}.body")) == {"k": 1}
    assert rendered(place, f"{call}.method") == "POST"
    assert rendered(place, f"{call}.headers['x-a'] ~ {call}.headers.accept") == "btext/x"


def test_what_is_sent_is_not_rendered_again(place: Place, server: Server) -> None:
    call = f"http(uri='{server.url}/echo', method='POST', body=inputs.text)"
    assert rendered(place, f"{call}.body", inputs={"text": "{{ secret('X') }}"}) == "{{ secret('X') }}"


def test_options_are_those_of_a_request_task(place: Place, server: Server) -> None:
    options = "{'auth': {'type': 'BEARER', 'token': 'abc'}}"
    assert rendered(place, f"http(uri='{server.url}/echo', options={options}).headers.authorization") == "Bearer abc"
    assert rendered(place, f"http(uri='{server.url}/status/404', options={{'allowFailed': true}})") == "went wrong"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'URL/status/404'", "failed with response code 404"),
        ("'ftp://x'", "is not an http:// or https:// address"),
        ("'URL/echo', method='BREW'", "method"),
        ("'URL/echo', options={'color': 1}", "options.color"),
        ("'URL/echo', colour=1", "colour"),
        ("'http://127.0.0.1:1/'", "http://127.0.0.1:1/"),
    ],
)
def test_what_fails_is_named(place: Place, server: Server, arguments: str, message: str) -> None:
    error = refused(place, f"http({arguments})".replace("URL", server.url))
    assert message in error
    assert "http()" in error


def test_a_flowable_asks_through_a_look_up(place: Place, server: Server) -> None:
    calls = (
        LookupCall("k", "http", (f"{server.url}/echo",), {}),
        LookupCall("bad", "http", (f"{server.url}/status/500",), {}),
    )
    found = answer(LookupJob("e", "ns", "f", 1, "l", calls), place.services)
    assert isinstance(found, i.LookedUp)
    assert found.answers[0].value["path"] == "/echo"
    assert "response code 500" in str(found.answers[1].error)
