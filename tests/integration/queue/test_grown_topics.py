"""Partitions that somebody has added in place to a topic whose state lives beside it: nothing goes on at half, nothing is lost."""

from collections.abc import Iterator

import pytest

from kestra_stream.errors import Unavailable
from kestra_stream.queue.interface import Consumer, Outgoing, StateChange, Transaction
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.testing.contracts.wire import Listener
from kestra_stream.topics import Cleanup, Topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import PATIENCE, Broker

INBOX = Topic("inbox", "any", str, Cleanup.DELETE, "a test", "a test", partitions=2)
STATE = Topic("grown_state", "any", object, Cleanup.COMPACT, "a test", "a test", partitions=2)
GROUP = "grown"
KEYS = ("one", "two", "three", "four")


@pytest.fixture(params=["classic", "consumer"])
def log(request: pytest.FixtureRequest, kafka: Broker, prefix: str) -> Iterator[KafkaLog]:
    client = {**kafka.client, "group.protocol": request.param, "topic.metadata.refresh.interval.ms": 500}
    log = KafkaLog(Connection(client, prefix=prefix, creates=True))
    yield log
    log.close()


def test_a_member_waits_for_the_partitions_of_its_state_and_says_so(log: KafkaLog, kafka: Broker, prefix: str) -> None:
    listener, seen, troubles = Listener(), list[str](), list[str]()
    member = log.consumer(GROUP, (INBOX,), listener, STATE)

    def step(member: Consumer) -> None:
        try:
            records = member.poll(10, 0.2)
        except Unavailable as error:
            troubles.append(str(error))
        else:
            if records:
                member.commit(Transaction(state=[StateChange(record.key, "", record.value) for record in records]))
                seen.extend(record.value for record in records)

    def owns(number: int) -> bool:
        step(member)
        return len(listener.owned) == number

    wait_until(lambda: owns(2), PATIENCE, "it has its partitions")
    log.send([Outgoing(INBOX, key, f"{key} before") for key in KEYS])
    wait_until(lambda: owns(2) and len(seen) == len(KEYS), PATIENCE, "all records came")
    kafka.grow_topic(f"{prefix}{INBOX.name}", 3)
    wait_until(lambda: owns(2) and bool(troubles), PATIENCE, "it says what is wrong")
    assert f"{prefix}{STATE.name} has 2 partitions, and the topic whose state it keeps was given more" in troubles[-1]
    log.send([Outgoing(INBOX, key, f"{key} after") for key in KEYS])
    kafka.grow_topic(f"{prefix}{STATE.name}", 3)
    wait_until(lambda: owns(3) and len(seen) == 2 * len(KEYS), PATIENCE, "it goes on")
    member.close()
    assert sorted(seen) == sorted(f"{key} {moment}" for key in KEYS for moment in ("before", "after"))
