"""Offsets that are not told: who waits for them, and for how long."""

import time
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from kestra_stream.errors import Unavailable
from kestra_stream.queue.kafka.group import claims as module
from kestra_stream.queue.kafka.group.claims import Claims


class Client:
    """One that is told nothing at first.

    Args:
        names: what it is called in its group, with each try.
    """

    def __init__(self, *names: str) -> None:
        self._names = list(names)
        self.tries = 0

    def memberid(self) -> str:
        return self._names.pop(0)

    def committed(self, places: list[TopicPartition], _: float) -> list[TopicPartition]:
        self.tries += 1
        if self._names:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - a code
        return [TopicPartition(place.topic, place.partition, 7) for place in places]


def claims_of(client: Client, monkeypatch: pytest.MonkeyPatch, ended: list[str]) -> Claims:
    cluster: Any = SimpleNamespace(connection=SimpleNamespace(prefix=""))
    claims = Claims(cluster, "group", "group-0a", lambda: client, lambda: False)
    monkeypatch.setattr(claims, "end_transactions", lambda _, leftovers: ended.append(leftovers))
    return claims


def test_what_holds_them_back_is_ended_more_thoroughly_with_each_try(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    client = Client("one", "one", "one")
    assert claims_of(client, monkeypatch, ended).offsets([("in", 0)]) == {("in", 0): 7}
    assert (ended, client.tries) == (["unknown", "aborted", "aborted"], 4)


def test_a_client_that_has_lost_its_group_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may wait for a coordinator that is none any more; at the next poll it is replaced."""
    ended: list[str] = []
    with pytest.raises(Unavailable, match="the committed offsets can not be read"):
        claims_of(Client("one", "", "never asked"), monkeypatch, ended).offsets([("in", 0)])
    assert ended == ["unknown"]


def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.2)
    began = time.monotonic()
    client = Client(*["one"] * 1_000_000)
    with pytest.raises(Unavailable):
        claims_of(client, monkeypatch, []).offsets([("in", 0)])
    assert time.monotonic() > began + 0.2
