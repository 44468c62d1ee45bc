"""HTTP tasks, against a server on the loopback interface."""

import json
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from kestra_stream.models.state import StateType
from kestra_stream.plugin.context.encryption import is_encrypted
from kestra_stream.plugin.core.http.download import file_name, named_by_server
from tests.unit.plugin.core.files import content, stored
from tests.unit.plugin.core.server import BIG, Server, serving
from tests.unit.plugin.core.written import core_task, task_faults
from tests.unit.plugin.script.attempts import Place, Ran, kill

S = StateType


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


def ran(place: Place, server: Server, path: str, properties: str = "", kind: str = "Request") -> Ran:
    return place.run(core_task(f"http.{kind}", f"uri: '{server.url}{path}'\n{properties}"))


def sent(place: Place, server: Server, properties: str, path: str = "/echo") -> Any:
    """What the server was sent."""
    result = ran(place, server, path, properties)
    assert result.ended.state is S.SUCCESS, result.ended.error
    return json.loads(result.outputs["body"])


def failed(place: Place, server: Server, path: str, properties: str = "", kind: str = "Request") -> str:
    result = ran(place, server, path, properties, kind)
    assert result.ended.state is S.FAILED
    return result.ended.error or ""


# -- what is sent ------------------------------------------------------------------------------------------------------


def test_an_answer_is_code_headers_and_text(place: Place, server: Server) -> None:
    result = ran(place, server, "/echo?a=1")
    outputs = result.outputs
    assert outputs["code"] == 200
    assert outputs["uri"] == f"{server.url}/echo?a=1"
    assert outputs["headers"]["X-Many"] == ["1", "2"]
    assert json.loads(outputs["body"])["query"] == {"a": ["1"]}
    assert {metric.name for metric in result.metrics} == {"response.length"}


def test_a_body_is_taken_for_json_unless_told_otherwise(place: Place, server: Server) -> None:
    told = sent(place, server, "method: POST\nbody: '{\"a\": {{ 1 + 1 }}}'")
    assert (told["method"], told["body"], told["headers"]["content-type"]) == ("POST", '{"a": 2}', "application/json")
    told = sent(place, server, "method: PUT\nbody: hello")
    assert (told["body"], told["headers"]["content-type"]) == ("hello", "application/json")
    assert sent(place, server, "method: PATCH\nbody: <a/>\ncontentType: text/xml")["headers"]["content-type"] == "text/xml"


def test_a_body_has_the_encoding_of_the_options(place: Place, server: Server) -> None:
    told = sent(place, server, "method: POST\nbody: é\noptions: {defaultCharset: ISO-8859-1}")
    assert (told["body"], told["headers"]["content-length"]) == ("\ufffd", "1")
    assert "can not be sent as ascii" in failed(place, server, "/echo", "method: POST\nbody: é\noptions: {defaultCharset: ascii}")


def test_a_stored_file_is_sent_as_a_body(place: Place, server: Server) -> None:
    uri = stored(place, b"the file")
    told = sent(place, server, f"method: POST\nbody: '{{{{ \"{uri}\" }}}}'\ncontentType: text/csv")
    assert (told["body"], told["headers"]["content-type"], told["headers"]["content-length"]) == ("the file", "text/csv", "8")
    assert "transfer-encoding" not in told["headers"]


def test_a_stored_file_is_sent_again_after_a_redirect(place: Place, server: Server) -> None:
    told = sent(place, server, f"method: POST\nbody: {stored(place, b'again')}", "/moved")
    assert (told["method"], told["body"]) == ("POST", "again")


def test_a_file_that_is_not_there_can_not_be_sent(place: Place, server: Server) -> None:
    assert "nothing.ion" in failed(place, server, "/echo", "method: POST\nbody: kestra:///company/team/f/executions/e1/nothing.ion")


def test_a_map_as_body_is_json(place: Place, server: Server) -> None:
    assert json.loads(sent(place, server, "method: POST\nbody: {a: '{{ 1 + 1 }}'}")["body"]) == {"a": "2"}


def test_headers_and_parameters_are_rendered(place: Place, server: Server) -> None:
    told = sent(place, server, "headers: {X-A: '{{ 1 + 1 }}', x-b: 3}\nparams: {p: '{{ 5 }}', l: [1, 2], n: null}", "/echo?q=1")
    assert (told["headers"]["x-a"], told["headers"]["x-b"]) == ("2", "3")
    assert told["query"] == {"q": ["1"], "p": ["5"], "l": ["1", "2"]}


def test_signs_in_an_address_are_escaped_once(place: Place, server: Server) -> None:
    assert sent(place, server, "", "/a b/%C3%A9?x=a%20b c")["query"] == {"x": ["a b c"]}
    assert sent(place, server, "", "/a b/%C3%A9")["path"] == "/a%20b/%C3%A9"


def test_a_form_is_sent_as_fields(place: Place, server: Server) -> None:
    told = sent(place, server, "method: POST\nformData: {a: x y, n: 1, o: {k: v}}")
    assert told["headers"]["content-type"] == "application/x-www-form-urlencoded"
    assert told["body"] == "a=x+y&n=1&o=%7B%22k%22%3A%22v%22%7D"


def test_a_stored_file_is_a_part_of_a_form(place: Place, server: Server) -> None:
    uri = stored(place, b"the file", "inputs/f/data.csv")
    form = f"formData:\n  kind: report\n  file: {uri}\n  named: {{name: x.txt, content: {uri}}}\n  text: {{name: y.txt, content: inline}}"
    told = sent(place, server, f"method: POST\ncontentType: multipart/form-data\n{form}")
    assert told["headers"]["content-type"].startswith("multipart/form-data; boundary=")
    assert 'name="kind"\r\n\r\nreport\r\n' in told["body"]
    assert 'name="file"; filename="data.csv"' in told["body"]
    assert 'name="named"; filename="x.txt"' in told["body"]
    assert 'name="text"; filename="y.txt"' in told["body"]
    assert told["body"].count("the file") == 2


def test_a_form_without_files_may_be_in_parts(place: Place, server: Server) -> None:
    told = sent(place, server, "method: POST\ncontentType: multipart/form-data\nformData: {a: b}")
    assert 'name="a"\r\n\r\nb\r\n' in told["body"]


def test_body_and_form_exclude_each_other(place: Place, server: Server) -> None:
    assert "either `body` or `formData`" in failed(place, server, "/echo", "body: x\nformData: {a: b}")


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "header"),
    [
        ("{auth: {type: BASIC, username: u, password: '{{ \"p\" }}'}}", "Basic dTpw"),
        ("{basicAuthUser: u, basicAuthPassword: p}", "Basic dTpw"),
        ("{auth: {type: BEARER, token: '{{ \"t\" }}'}}", "Bearer t"),
    ],
)
def test_requests_log_in(place: Place, server: Server, options: str, header: str) -> None:
    assert sent(place, server, f"options: {options}")["headers"]["authorization"] == header


def test_redirects_are_followed_unless_told_otherwise(place: Place, server: Server) -> None:
    assert ran(place, server, "/redirect").outputs["uri"] == f"{server.url}/echo"
    assert ran(place, server, "/redirect", "options: {followRedirects: false}").outputs["code"] == 302


@pytest.mark.parametrize("properties", ["allowFailed: true", "options: {allowFailed: true}", "options: {allowedResponseCodes: [404]}"])
def test_a_code_may_be_allowed(place: Place, server: Server, properties: str) -> None:
    assert ran(place, server, "/status/404", properties).outputs["code"] == 404


@pytest.mark.parametrize("properties", ["", "options: {allowedResponseCodes: [403]}"])
def test_a_code_of_400_and_above_is_a_failure(place: Place, server: Server, properties: str) -> None:
    assert "failed with response code 404 and body: went wrong" in failed(place, server, "/status/404", properties)


def test_the_encoding_is_the_answers_or_the_default(place: Place, server: Server) -> None:
    assert ran(place, server, "/latin", "options: {defaultCharset: ISO-8859-1}").outputs["body"] == "é"
    assert ran(place, server, "/zipped").outputs["body"] == "unzipped"
    assert ran(place, server, "/latin", "options: {defaultCharset: none}").outputs["body"] == "\ufffd"


def test_an_answer_may_be_encrypted(place: Place, server: Server) -> None:
    outputs = ran(place, server, "/status/200", "encryptBody: true").outputs
    assert outputs["body"] is None
    assert is_encrypted(outputs["encryptedBody"])


def test_an_answer_has_a_limit(place: Place, server: Server) -> None:
    assert "more than 1000 bytes" in failed(place, server, "/big/1", "options: {maxContentLength: 1000}")


def test_a_proxy_is_asked_in_place_of_the_server(place: Place, server: Server) -> None:
    port = server.server_address[1]
    for options in (f"{{proxy: {{type: HTTP, address: 127.0.0.1, port: {port}}}}}", f"{{proxyAddress: 127.0.0.1, proxyPort: {port}}}"):
        result = place.run(core_task("http.Request", f"uri: http://unknown.invalid/echo\noptions: {options}"))
        assert json.loads(result.outputs["body"])["headers"]["host"] == "unknown.invalid"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ("{logs: [REQUEST_HEADERS]}", ["request headers:"]),
        ("{logs: [REQUEST_BODY, RESPONSE_BODY]}", ["request body: hello", "response body: {"]),
        ("{logLevel: INFO}", ["response 200, headers:"]),
        ("{logLevel: DEBUG}", ["request headers:", "response 200, headers:"]),
        ("{logLevel: TRACE}", ["request headers:", "request body: hello", "response 200, headers:", "response body: {"]),
        ("{logLevel: ERROR}", []),
    ],
)
def test_the_parts_of_an_exchange_that_are_asked_for_are_logged(place: Place, server: Server, options: str, lines: list[str]) -> None:
    result = ran(place, server, "/echo", f"method: POST\nbody: hello\noptions: {options}")
    assert [(level, text[: len(line)]) for (level, text), line in zip(result.lines, lines, strict=True)] == [
        ("DEBUG", one) for one in lines
    ]


def test_a_logged_exchange_does_not_tell_its_login(place: Place, server: Server) -> None:
    result = ran(
        place,
        server,
        "/echo",
        "options: {logs: [REQUEST_HEADERS], auth: {type: BEARER, token: hidden}, basicAuthUser: u}\nheaders: {Authorization: told}",
    )
    assert "told" not in result.lines[0][1]
    assert "authorization: ********" in result.lines[0][1]


def test_all_options_are_known() -> None:
    options = """options:
  auth: {type: DIGEST, username: u}
  timeout: {connectTimeout: PT1S, readIdleTimeout: PT1S}
  ssl: {insecureTrustAllCertificates: true}
  logs: [REQUEST_HEADERS]
  logLevel: DEBUG
  connectTimeout: PT1S
  readTimeout: PT1S
  readIdleTimeout: PT1S
  connectionPoolIdleTimeout: PT1S
  proxyType: DIRECT
  proxyUsername: u
  proxyPassword: p"""
    assert task_faults("http.Request", f"uri: https://example.com\n{options}") == ""
    assert "readTimeout" in task_faults("http.Request", "uri: https://example.com\noptions: {readTimeout: soon}")


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_only_http_is_spoken(place: Place) -> None:
    assert "is not an http:// or https:// address" in task_faults("http.Request", "uri: ftp://example.com")
    result = place.run(core_task("http.Request", "uri: '{{ \"file:///etc/passwd\" }}'"))
    assert "is not an http:// or https:// address" in (result.ended.error or "")


def test_a_server_that_is_not_there_is_a_failure(place: Place) -> None:
    result = place.run(core_task("http.Request", "uri: http://127.0.0.1:1/x"))
    assert result.ended.state is S.FAILED
    assert (result.ended.error or "").startswith("GET http://127.0.0.1:1/x: ")


def test_an_answer_that_breaks_off_is_a_failure(place: Place, server: Server) -> None:
    assert "/broken: " in failed(place, server, "/broken")
    assert "/broken: " in failed(place, server, "/broken", kind="Download")


def test_an_answer_that_does_not_come_is_a_failure(place: Place, server: Server) -> None:
    assert "timed out" in failed(place, server, "/silent", "options: {readTimeout: PT0.01S}")


def test_a_kill_ends_a_request_that_waits(place: Place, server: Server) -> None:
    server.asked.clear()
    with place.running(core_task("http.Request", f"uri: {server.url}/silent")) as (running, result):
        assert server.asked.wait(10)
        kill(running)
    assert result().ended.state is S.KILLED


# -- download ----------------------------------------------------------------------------------------------------------


def test_a_download_is_a_stored_file(place: Place, server: Server) -> None:
    result = ran(place, server, "/status/200", kind="Download")
    assert content(place, result.outputs["uri"]) == b"fine"
    assert (result.outputs["code"], result.outputs["length"]) == (200, 4)
    assert str(result.outputs["uri"]).endswith("/200")


def test_the_server_the_flow_or_the_address_name_the_file(place: Place, server: Server) -> None:
    assert str(ran(place, server, "/named/x.csv", kind="Download").outputs["uri"]).endswith("/re_port.csv")
    assert str(ran(place, server, "/named/x.csv", "saveAs: '{{ \"y.csv\" }}'", "Download").outputs["uri"]).endswith("/y.csv")


def test_an_empty_download_is_a_failure_unless_allowed(place: Place, server: Server) -> None:
    assert "with nothing in it" in failed(place, server, "/empty", kind="Download")
    assert ran(place, server, "/empty", "failOnEmptyResponse: false", "Download").outputs["length"] == 0


def test_a_download_that_may_fail_may_be_empty(place: Place, server: Server) -> None:
    outputs = ran(place, server, "/missing", "options: {allowFailed: true}", "Download").outputs
    assert (outputs["code"], outputs["length"]) == (404, 0)


def test_a_download_does_not_have_to_fit_into_memory(place: Place, server: Server) -> None:
    task = core_task("http.Download", f"uri: {server.url}/big/256")
    place.run(task)
    tracemalloc.start()
    try:
        outputs = place.run(task).outputs
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert outputs["length"] == 256 * len(BIG)
    assert peak < outputs["length"] / 2


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (None, ""),
        ("attachment", ""),
        ("attachment; filename=a.csv", "a.csv"),
        ('attachment; filename="a b.csv"; size=3', "a b.csv"),
        ("attachment; filename=x; filename*=UTF-8''%C3%A9.csv", "é.csv"),
        ("attachment; filename*=nothing''%41", ""),
    ],
)
def test_a_server_names_a_file_in_several_ways(header: str | None, name: str) -> None:
    assert named_by_server(header) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("https://x.org/a/b.csv?q=/z", "b.csv"),
        ("https://x.org/", "download"),
        ("https://x.org/a%2F..%2Fb c.csv", "b_c.csv"),
        ("..", "download"),
        ("../../.kestra-x", "kestra-x"),
        ("C:\\x\\y.txt", "y.txt"),
        ("x" * 500 + ".csv", "x" * 196 + ".csv"),
    ],
)
def test_a_name_is_safe_in_storage(text: str, name: str) -> None:
    assert file_name(text) == name
