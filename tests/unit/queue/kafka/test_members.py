"""How clients are configured and what they show the broker; keys of state topics."""

import sys

import pytest
from confluent_kafka import KafkaError

from kestra_stream.errors import Fatal, Fenced, Invalid, NotAllowed, Replaced, Unavailable
from kestra_stream.queue.kafka import Connection
from kestra_stream.queue.kafka.errors import Needs, ended, is_unreleased, told, wants_a_new_client
from kestra_stream.queue.kafka.group.membership import newer
from kestra_stream.queue.kafka.state.parts import key_of, parse_key

ALL = {
    "bootstrap.servers": "broker:9092",
    "group.protocol": "consumer",
    "session.timeout.ms": 9000,
    "compression.type": "lz4",
    "transaction.timeout.ms": 5000,
    "message.timeout.ms": 7000,
    "linger.ms": 1,
}


def metadata(number: int, member: str = "one") -> bytes:
    return b"CGMDv2:" + number.to_bytes(4, sys.byteorder, signed=True) + f"group\0{member}\0\0".encode()


def test_each_kind_of_client_is_given_what_it_takes() -> None:
    connection = Connection(ALL)
    assert {"compression.type", "transaction.timeout.ms", "group.protocol"}.isdisjoint(connection.consumer("a"))
    assert {"session.timeout.ms", "group.protocol", "transaction.timeout.ms"}.isdisjoint(connection.producer())
    assert {"session.timeout.ms", "message.timeout.ms"}.isdisjoint(connection.transactional("id"))
    assert set(ALL) & set(connection.admin()) == {"bootstrap.servers"}


def test_a_member_of_the_broker_s_protocol_has_no_session_of_its_own() -> None:
    member = Connection(ALL, instance_id="me").member("a", has_one_topic=False, is_classic=False)
    assert {"session.timeout.ms", "heartbeat.interval.ms", "partition.assignment.strategy"}.isdisjoint(member)
    assert member["group.remote.assignor"] == "range"
    assert member["group.instance.id"] == "me"


def test_a_classic_member_keeps_records_of_a_key_together() -> None:
    connection = Connection(ALL)
    assert connection.member("a", has_one_topic=False, is_classic=True)["partition.assignment.strategy"] == "range"
    one = connection.member("a", has_one_topic=True, is_classic=True)
    assert one["partition.assignment.strategy"] == "cooperative-sticky"
    assert one["session.timeout.ms"] == 9000


def test_small_records_travel_in_pieces_that_a_topic_takes() -> None:
    assert Connection({}, message_bytes=20_000).transactional("id")["batch.size"] == 20_000
    assert Connection({"batch.size": 5}, message_bytes=20_000).producer()["batch.size"] == 5


def test_the_newest_number_of_the_same_member_is_shown() -> None:
    assert newer(metadata(3), metadata(4)) == metadata(4)
    assert newer(metadata(3), metadata(-1)) == metadata(3)
    assert newer(metadata(3), metadata(0)) == metadata(3)
    assert newer(metadata(3), metadata(9, "another")) == metadata(3)
    assert newer(metadata(3), b"of a newer client") == metadata(3)


@pytest.mark.parametrize("code", [KafkaError.FENCED_INSTANCE_ID, KafkaError.UNRELEASED_INSTANCE_ID])
def test_a_consumer_that_tells_in_words_that_it_was_replaced_is_understood(code: int) -> None:
    error = KafkaError(KafkaError._FATAL, f"Fatal error: {KafkaError(code).str()}: and more")  # noqa: SLF001 - a code
    assert isinstance(ended(error, "read"), Replaced)
    assert is_unreleased(error) == (code == KafkaError.UNRELEASED_INSTANCE_ID)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError.ILLEGAL_GENERATION, Fenced),
        (KafkaError.STALE_MEMBER_EPOCH, Fenced),
        (KafkaError.MSG_SIZE_TOO_LARGE, Invalid),
        (KafkaError.INVALID_RECORD, Invalid),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, NotAllowed),
        (KafkaError.UNSUPPORTED_VERSION, Fatal),
        (KafkaError.NOT_COORDINATOR, Unavailable),
    ],
)
def test_each_answer_of_a_broker_has_its_behaviour(code: int, kind: type[Exception]) -> None:
    assert type(told(KafkaError(code), "it")) is kind


@pytest.mark.parametrize(
    ("code", "right"),
    [
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, "Write on the topic t"),
        (KafkaError.GROUP_AUTHORIZATION_FAILED, "Read on the consumer group g"),
        (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, "Write on the transactional id g-*"),
        (KafkaError.CLUSTER_AUTHORIZATION_FAILED, "IdempotentWrite on the cluster"),
    ],
)
def test_a_right_that_is_missing_is_named_also_by_a_client_that_has_ended_by_it(code: int, right: str) -> None:
    needs = Needs("t", "Write", "g", "g-*")
    in_words = KafkaError(KafkaError._FATAL, f"Fatal error: {KafkaError(code).str()}: and more")  # noqa: SLF001 - a code
    for error in (KafkaError(code), in_words):
        trouble = ended(error, "read", needs)
        assert isinstance(trouble, NotAllowed)
        assert str(trouble).endswith(f": this user needs the right {right}; once it has it, work goes on")
    assert wants_a_new_client(in_words)
    assert wants_a_new_client(KafkaError(code)) == (code == KafkaError.GROUP_AUTHORIZATION_FAILED)


@pytest.mark.parametrize(("owner", "part"), [("a", ""), ("a", "run/1"), ("a/b", "c"), ("1.a", "x"), ("", "x"), ("é/", "/")])
def test_a_part_s_key_leads_back_to_it(owner: str, part: str) -> None:
    assert parse_key(key_of(owner, part)) == (owner, part)


@pytest.mark.parametrize("key", [b"", b"foreign", b"5.a/b", b"\xff", b"x.a/b", b"1.ab"])
def test_a_foreign_key_is_none_of_ours(key: bytes) -> None:
    assert parse_key(key) is None
