"""A newer release beside this one: what only it can read goes to the dead letters, and every execution goes on."""

import json
from typing import Any

import pytest

from kestra_stream.queue.interface import Headers, Outgoing, Raw
from kestra_stream.queue.serde import HEADERS
from kestra_stream.testing.driver import Driver
from kestra_stream.topics import DEAD_LETTER, EXECUTION_INBOX

FLOW = """
id: two
namespace: a.b
tasks:
  - {id: one, type: io.kestra.plugin.core.output.OutputValues, values: {a: 1}}
  - {id: two, type: io.kestra.plugin.core.log.Log, message: "{{ outputs.one.values.a }}"}
"""
NEWER: dict[str, tuple[dict[str, Any], Headers, str]] = {
    "a kind": ({"kind": "snooze", "until": "2030-01-01T00:00:00Z"}, HEADERS, "snooze"),
    "a choice": ({"kind": "kill", "state": "EVAPORATED"}, HEADERS, "kill.state"),
    "a version": ({"kind": "kill"}, (("schema", b"2"),), "newer version"),
}


@pytest.mark.parametrize(("value", "headers", "why"), NEWER.values(), ids=NEWER.keys())
def test_what_only_a_newer_release_can_read_is_a_dead_letter_and_stops_nobody(value: dict[str, Any], headers: Headers, why: str) -> None:
    driver = Driver(FLOW)
    letters = driver.log.consumer("letters", (DEAD_LETTER,))
    execution_id = driver.create("two")
    payload = json.dumps(value).encode()
    for _ in range(3):
        driver.turn()
        driver.log.send((Outgoing(EXECUTION_INBOX, execution_id, Raw(payload, execution_id.encode(), headers)),))
    driver.settle()
    assert driver.story(execution_id).state == "SUCCESS"
    found = [record.value for record in letters.poll(10, 0)]
    assert [letter.payload for letter in found] == [payload] * 3
    assert all(why in letter.error for letter in found)
    assert {letter.headers for letter in found} == {tuple(headers)}
