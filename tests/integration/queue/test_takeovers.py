"""What a member is given before it may take it: refused, asked again, and read from where it was committed, every record once."""

from collections.abc import Iterator, Mapping

import pytest

from kestra_stream.errors import Fenced, KestraError, Unavailable
from kestra_stream.queue.interface import Outgoing, Transaction
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.group.claims import Claims
from kestra_stream.queue.kafka.member import KafkaMember
from kestra_stream.testing.contracts.wire import Listener, Wire
from tests.integration.queue.crowd import wait_until
from tests.services.broker import Broker

NUMBERS = [str(number) for number in range(60)]


@pytest.fixture
def wire(kafka: Broker, prefix: str) -> Iterator[Wire]:
    log = KafkaLog(Connection({**kafka.client, "group.protocol": "classic"}, prefix=prefix, creates=True))
    wire = Wire(log, 60)
    yield wire
    wire.close()
    log.close()


@pytest.mark.parametrize("refusal", [Fenced, Unavailable])
@pytest.mark.parametrize("others", [0, 1])
def test_what_came_before_a_partition_could_be_taken_is_read_once_and_in_order(
    refusal: type[KestraError], others: int, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a second member the first one goes on with what it has while the rest, which comes later, is refused to it."""
    topic, group = wire.topic(2), wire.group()
    keys = [f"key-{number}" for number in range(8)]
    crowd = [wire.join(group, topic) for _ in range(others)]
    for consumer in crowd:
        consumer.poll(1, 1.0)
    refusals = 4
    take = Claims.take

    def hesitating(claims: Claims, offsets: Mapping[tuple[str, int], int]) -> None:
        nonlocal refusals
        if refusals:
            refusals -= 1
            raise refusal("not now")
        take(claims, offsets)

    monkeypatch.setattr(Claims, "take", hesitating)
    crowd.append(wire.join(group, topic))
    wire.log.send([Outgoing(topic, key, number) for number in NUMBERS for key in keys])
    found: dict[str, list[str]] = {key: [] for key in keys}

    def all_came() -> bool:
        for consumer in crowd:
            try:
                records = consumer.poll(7, 0.1)
                if records:
                    consumer.commit(Transaction())
            except Fenced:
                continue  # what was polled is void: it comes again
            except Unavailable:
                consumer.rewind()
                continue
            for record in records:
                found[record.key].append(record.value)
        return sum(map(len, found.values())) >= len(NUMBERS) * len(keys)

    wait_until(all_came, 60, "all records")
    assert not refusals
    assert found == dict.fromkeys(keys, NUMBERS)


def test_what_stays_with_a_member_is_not_read_anew_when_a_rebalance_refuses_its_batch(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under load that is each rebalance: the state beside hundreds of thousands of task runs would be read again for it."""
    topic, group, listener = wire.topic(4), wire.group(), Listener()
    member = wire.join(group, topic, listener=listener)
    wire.settle({member: listener}, 4)
    assert isinstance(member, KafkaMember)
    old = bytes(member._client.consumer.consumer_group_metadata())  # noqa: SLF001 - what it shows to the broker
    of_the_other = Listener()
    other = wire.join(group, topic, listener=of_the_other)
    wire.settle({member: listener, other: of_the_other}, 4)
    other.close()
    wire.settle({member: listener}, 4)
    wire.send(topic, *((str(number), str(number)) for number in range(20)))
    before = list(listener.history)
    values = wire.values(member, 20)
    with monkeypatch.context() as patch:
        patch.setattr("kestra_stream.queue.kafka.group.client.newer", lambda _held, _offered: old)
        with pytest.raises(Fenced, match="generation"):
            member.commit(Transaction())
    assert sorted(wire.values(member, 20)) == sorted(values)
    member.commit(Transaction())
    assert listener.history == before
    assert wire.is_silent(member)
