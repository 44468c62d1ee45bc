"""No secret that a flowable or a subflow's inputs ask for is to be read on the log, in stored state or in a log line."""

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from kestra_stream.errors import Invalid
from kestra_stream.plugin.context.encryption import Vault
from kestra_stream.queue.interface import Consumer, Record, Transaction
from kestra_stream.queue.serde import to_bytes
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver

SECRET = "open sesame"
CHILD = """
id: child
namespace: t.t
inputs:
  - {id: code, type: STRING}
tasks:
  - {id: c, type: io.kestra.plugin.core.debug.Return, format: "{{ inputs.code | length }}"}
outputs:
  - {id: length, type: INT, value: "{{ outputs.c.value }}"}
"""
FLOW = """
id: parent
namespace: t.t
tasks:
  - id: if
    type: io.kestra.plugin.core.flow.If
    condition: "{{ (secret('DOOR') | length) == 11 }}"
    then:
      - id: wrong
        type: io.kestra.plugin.core.flow.Switch
        value: "{{ decrypt('MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=', secret('SEALED')) | length }}"
        cases:
          "11": [{id: eleven, type: io.kestra.plugin.core.log.Log, message: x}]
  - id: call
    type: io.kestra.plugin.core.flow.Subflow
    namespace: t.t
    flowId: child
    inputs: {code: "the word is {{ secret('DOOR') }}"}
  - id: no
    type: io.kestra.plugin.core.flow.Switch
    value: "{{ secret('DOOR') }}"
    allowFailure: true
    cases:
      other: [{id: never, type: io.kestra.plugin.core.log.Log, message: x}]
"""


class Overheard:
    """A consumer that keeps the bytes of all that is committed through it."""

    def __init__(self, consumer: Consumer, heard: list[bytes]) -> None:
        self._consumer = consumer
        self._heard = heard

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        records = self._consumer.poll(max_records, timeout)
        self._heard.extend(to_bytes(record.value) for record in records)
        return records

    def commit(self, transaction: Transaction) -> None:
        self._heard.extend(to_bytes(record.value) for record in transaction.records)
        self._heard.extend(to_bytes(change.value) for change in transaction.state)
        self._consumer.commit(transaction)

    def rewind(self) -> None:
        self._consumer.rewind()

    def wake(self) -> None:
        self._consumer.wake()

    def close(self) -> None:
        self._consumer.close()


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="
    monkeypatch.setenv("SECRET_DOOR", base64.b64encode(SECRET.encode()).decode())
    monkeypatch.setenv("SECRET_SEALED", base64.b64encode(Vault(key).seal(SECRET).encode()).decode())


@pytest.mark.usefixtures("secrets")
def test_a_secret_is_used_but_never_told(tmp_path: Path) -> None:
    driver, heard = Driver(FLOW, CHILD, storage=LocalStorage(tmp_path)), list[bytes]()
    for loop in driver.loops:
        loop.consumer = Overheard(loop.consumer, heard)
    story = driver.run("parent")
    assert story.states()["eleven"] == ["SUCCESS"]
    outputs = story.run("call").outputs or {}
    assert outputs["outputs"] == {"length": len("the word is " + SECRET)}
    assert story.run("no").state.current.value == "WARNING"
    assert any("no case of the Switch matches `********`" in message for message in story.messages)
    told = [line for line in heard if SECRET.encode() in line]
    child_inputs = [line for line in told if b'"flow_id":"child"' in line]
    assert told == child_inputs, "only what the child asked for as plain text is plain"
    assert not any(b"provided_inputs" in line and b'"provided_inputs":null' not in line for line in told)


def test_a_sealed_text_is_the_same_for_the_same_seed_and_only_opens_with_its_key() -> None:
    vault = Vault(None)
    assert vault.seal("x", "a") == vault.seal("x", "a") != vault.seal("x", "b")
    assert vault.open(vault.seal("x", "a")) == "x"
    with pytest.raises(Invalid, match="cannot be decrypted"):
        Vault(None).open(vault.seal("x"))
