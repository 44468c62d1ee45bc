"""Members that keep their name (`kestra.kafka.client.instance-id`), on a broker that takes a right away from them."""

import pytest

from kestra_stream.errors import NotAllowed
from kestra_stream.queue.interface import Consumer
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka import member as kafka_member
from kestra_stream.testing.contracts.wire import Listener
from kestra_stream.topics import Cleanup, Topic
from tests.integration.queue.crowd import wait_until
from tests.services.broker import PATIENCE
from tests.services.kafka import KafkaCluster
from tests.services.rights import AUTHORIZER, Rights
from tests.services.security import Security

INBOX = Topic("inbox", "any", str, Cleanup.DELETE, "a test", "a test", partitions=2)
SHORT_BEATS = {"group.consumer.min.session.timeout.ms": "1000", "group.consumer.min.heartbeat.interval.ms": "300"}


def test_a_static_member_that_had_no_right_to_be_in_its_group_waits_for_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the broker it is in the group still, since it could not say that it left: nobody else has its name."""
    security = Security("SCRAM-SHA-512", password="a-password")
    with KafkaCluster(security=security, properties={**AUTHORIZER, **SHORT_BEATS}) as cluster:
        rights, listener = Rights(cluster.administrator, security.user), Listener()
        rights.allow("kestra_")
        client = {**cluster.broker.client, "group.protocol": "consumer", "session.timeout.ms": 10_000}
        log = KafkaLog(Connection(client, instance_id="one", creates=True))
        with monkeypatch.context() as patch:
            patch.setattr(kafka_member, "_PATIENCE", 0.0)  # it started long ago
            member = log.consumer("static", (INBOX,), listener)
        wait_until(lambda: is_allowed(member) and len(listener.owned) == 2, PATIENCE, "it has its partitions")
        with rights.without("group", "kestra_static", "READ"):
            wait_until(lambda: not is_allowed(member), PATIENCE, "it is refused")
        wait_until(lambda: is_allowed(member) and len(listener.owned) == 2, PATIENCE, "it has them again")
        member.close()
        log.close()


def is_allowed(member: Consumer) -> bool:
    """Let a member take part; whether nothing refuses it."""
    try:
        member.poll(1, 0.2)
    except NotAllowed:
        return False
    return True
