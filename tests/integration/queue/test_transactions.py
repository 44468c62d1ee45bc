"""Transactions that the broker refuses while much of them is on its way: nothing of them counts, and the next one goes its way."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer

from kestra_stream.errors import Fenced, Unavailable
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.clients.held import Held
from kestra_stream.queue.kafka.group.claims import Claims
from kestra_stream.queue.kafka.transactions import transactor as module
from kestra_stream.queue.kafka.transactions.leftovers import fence, flushed
from kestra_stream.queue.kafka.transactions.marks import new_name
from kestra_stream.queue.kafka.transactions.transactor import Transactor
from kestra_stream.topics import Cleanup, Topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import Broker

INBOX, OUT = (Topic(name, "any", str, Cleanup.DELETE, "a test", "a test", partitions=4) for name in ("inbox", "out"))
GROUP = "transactions"
MANY = 2_000


@pytest.fixture
def log(kafka: Broker, prefix: str) -> Iterator[KafkaLog]:
    log = KafkaLog(Connection({**kafka.client, "group.protocol": "classic"}, prefix=prefix, creates=True))
    yield log
    log.close()


@contextmanager
def joined(log: KafkaLog) -> Iterator[Consumer]:
    """A member of the group, as the client library has it."""
    consumer = Consumer(log.cluster.connection.consumer(GROUP))
    consumer.subscribe([log.cluster.ensure(INBOX)])
    yield consumer
    consumer.close()


def is_shared(*consumers: Consumer) -> bool:
    """Let each take part for a moment; tell whether all have partitions."""
    for consumer in consumers:
        consumer.poll(0.1)
    return all(consumer.assignment() for consumer in consumers)


def transactor_of(log: KafkaLog) -> Transactor:
    """A transactor of a member whose own client tells nothing of offsets, as one that waits for its next poll after an outage."""
    name = new_name(f"{log.cluster.connection.prefix}{GROUP}")
    return Transactor(log.cluster, GROUP, name, lambda: False, Claims(log.cluster, GROUP, name, Waiting, lambda: False))


class Waiting:
    """A client that has lost its group, and is not polled."""

    def committed(self, places: object, seconds: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT))  # noqa: SLF001 - a code


def many(number: int, what: str) -> list[Outgoing]:
    return [Outgoing(OUT, f"{number}-{key}", f"{what} {number}") for key in range(MANY)]


def test_whoever_is_fenced_in_the_middle_of_a_transaction_comes_back(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next owner of a partition ends what the one before has left open; that one may live, and be sending."""
    transactor = transactor_of(log)
    outgoing, offsets = log.cluster.encoding.outgoing, {(log.cluster.ensure(INBOX), 0): 0}
    count, produced = log.cluster.partitions, list[str]()

    def fenced_in_the_middle(topic: str) -> int:
        produced.append(topic)
        if len(produced) == 100:
            fence(log.cluster, GROUP, transactor.id)
        Event().wait(0.02 if len(produced) >= 100 else 0.0)
        return count(topic)

    with joined(log) as one:
        wait_until(partial(is_shared, one), 60, "the member has its partitions")
        transactor.commit(outgoing(many(0, "taken")), offsets, bytes(one.consumer_group_metadata()))
        with monkeypatch.context() as patch:
            patch.setattr(log.cluster, "partitions", fenced_in_the_middle)
            with pytest.raises(Fenced, match="the transaction has failed"):
                transactor.commit(outgoing(many(1, "refused")), offsets, bytes(one.consumer_group_metadata()))
        transactor.commit(outgoing(many(2, "taken")), offsets, bytes(one.consumer_group_metadata()))
    transactor.close()
    assert len(produced) < MANY, "it was fenced while it was sending"
    told = [record.value for batch in log.reader((OUT,)).catch_up() for record in batch]
    assert len(told) == 2 * MANY
    assert {value.split()[0] for value in told} == {"taken"}


def test_a_refusal_in_the_middle_of_much_leaves_nothing_behind_and_ends_nobody(log: KafkaLog) -> None:
    transactor = transactor_of(log)
    outgoing, offsets = log.cluster.encoding.outgoing, {(log.cluster.ensure(INBOX), 0): 0}
    with joined(log) as one:
        wait_until(partial(is_shared, one), 60, "the first member has its partitions")
        old = bytes(one.consumer_group_metadata())
        with joined(log) as other:
            wait_until(partial(is_shared, one, other), 60, "both have partitions")
            for number in range(5):
                with pytest.raises((Fenced, Unavailable)):
                    transactor.commit(outgoing(many(number, "refused")), offsets, old)
                transactor.commit(outgoing(many(number, "taken")), offsets, bytes(one.consumer_group_metadata()))
    transactor.close()
    told = [record.value for batch in log.reader((OUT,)).catch_up() for record in batch]
    assert len(told) == 5 * MANY
    assert {value.split()[0] for value in told} == {"taken"}


@pytest.mark.parametrize("code", [KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT])  # noqa: SLF001 - codes
def test_a_transaction_that_is_there_is_found_whatever_the_members_own_client_tells(log: KafkaLog, code: int) -> None:
    transactor = transactor_of(log)
    outgoing, offsets = log.cluster.encoding.outgoing, {(log.cluster.ensure(INBOX), 0): 0}
    with joined(log) as one:
        wait_until(partial(is_shared, one), 60, "the member has its partitions")
        for number in range(3):
            transactor.commit(outgoing(many(number, "taken")), offsets, bytes(one.consumer_group_metadata()))
            transactor._heard(KafkaError(code))  # noqa: SLF001 - the client tells it so
        assert not transactor.is_settled()
        transactor.open()
    transactor.close()
    assert len([record for batch in log.reader((OUT,)).catch_up() for record in batch]) == 3 * MANY


def test_whoever_is_fenced_while_all_is_on_its_way_is_told_so(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's `flush` has no words for it."""
    transactor = transactor_of(log)
    outgoing, offsets = log.cluster.encoding.outgoing, {(log.cluster.ensure(INBOX), 0): 0}
    send = Transactor._send_offsets  # noqa: SLF001 - the fault is inside

    def fenced_after(transactor: Transactor, producer: Held, *arguments: Any) -> None:
        send(transactor, producer, *arguments)
        fence(log.cluster, GROUP, transactor.id)
        with suppress(KafkaException):  # it may know by then
            for number in range(MANY):
                producer.produce(log.cluster.ensure(OUT), b'"late"', str(number).encode(), number % 4)

    with joined(log) as one:
        wait_until(partial(is_shared, one), 60, "the member has its partitions")
        for number in range(5):
            with monkeypatch.context() as patch:
                patch.setattr(Transactor, "_send_offsets", fenced_after)
                with pytest.raises(Fenced):
                    transactor.commit(outgoing(many(number, "refused")), offsets, bytes(one.consumer_group_metadata()))
        transactor.commit(outgoing(many(5, "taken")), offsets, bytes(one.consumer_group_metadata()))
    transactor.close()
    assert {record.value.split()[0] for batch in log.reader((OUT,)).catch_up() for record in batch} == {"taken"}


def test_a_producer_that_flushes_nothing_any_more_is_asked_what_it_has() -> None:
    class Ended:
        def flush(self, seconds: float) -> int:
            raise SystemError("returned NULL without setting an exception")

    assert flushed(Ended(), 1.0) == 0


class Astray:
    """A client that waits for a coordinator which is none any more, whatever it is asked."""

    def __init__(self, producer: Any, request: str) -> None:
        self._producer = producer
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return self._wait if name == self._request else getattr(self._producer, name)

    def _wait(self, seconds: float) -> None:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, retriable=True))  # noqa: SLF001 - a code


def test_a_client_that_does_not_find_its_coordinator_is_given_up_while_others_are_answered(
    log: KafkaLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ASTRAY", 0.5)
    transactor = transactor_of(log)
    outgoing, offsets = log.cluster.encoding.outgoing, {(log.cluster.ensure(INBOX), 0): 0}
    with joined(log) as one:
        wait_until(partial(is_shared, one), 60, "the member has its partitions")
        transactor.open()
        transactor._producer = Held(Astray(transactor._producer, "commit_transaction"))  # noqa: SLF001 - the fault is inside
        with pytest.raises(Fenced, match="nobody knows whether the transaction was written"):
            transactor.commit(outgoing(many(0, "unknown")), offsets, bytes(one.consumer_group_metadata()))
        transactor.commit(outgoing(many(1, "taken")), offsets, bytes(one.consumer_group_metadata()))
        with monkeypatch.context() as patch:
            patch.setattr(module, "Producer", lambda *arguments, **more: Astray(Producer(*arguments, **more), "init_transactions"))
            transactor.close()
            with pytest.raises(Unavailable, match="transactions can not begin"):
                transactor.open()
        transactor.commit(outgoing(many(2, "taken")), offsets, bytes(one.consumer_group_metadata()))
    transactor.close()
    told = [record.value for batch in log.reader((OUT,)).catch_up() for record in batch]
    assert len(told) == 2 * MANY
    assert {value.split()[0] for value in told} == {"taken"}


def test_nobody_waits_for_a_broker_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads may poll again, and hear what has gathered meanwhile."""
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    monkeypatch.setattr(module, "_SLICE", 0.2)
    nowhere = KafkaLog(Connection({"bootstrap.servers": "127.0.0.1:1"}))
    transactor = transactor_of(nowhere)
    with pytest.raises(Unavailable, match="transactions can not begin"):
        transactor.open()
    transactor.close()
    nowhere.close()
