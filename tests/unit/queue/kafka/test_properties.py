"""Every property of librdkafka that a person sets reaches the clients that know it, by one setting for all of them or by that of its kind."""

from collections.abc import Mapping
from typing import Any

import pytest

from kestra_stream.assembly.topics import connection_of
from kestra_stream.errors import Invalid
from kestra_stream.queue.kafka.clients import check_properties
from kestra_stream.queue.kafka.connection import Connection
from kestra_stream.settings import load_settings

# librdkafka 2.16 without callbacks, what is deprecated, and what the engine sets itself
OF_ALL = """
api.version.request.timeout.ms bootstrap.servers broker.address.family broker.address.ttl client.dns.lookup client.id client.rack
connections.max.idle.ms debug enable.metrics.push enable.random.seed enable.sasl.oauthbearer.unsecure.jwt
enable.ssl.certificate.verification enabled_events https.ca.location https.ca.pem internal.termination.signal log.connection.close
log.queue log.thread.name log_level max.in.flight max.in.flight.requests.per.connection message.copy.max.bytes message.max.bytes
metadata.broker.list metadata.max.age.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy plugin.library.paths
receive.message.max.bytes reconnect.backoff.max.ms reconnect.backoff.ms retry.backoff.max.ms retry.backoff.ms sasl.kerberos.keytab
sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin sasl.kerberos.principal sasl.kerberos.service.name sasl.mechanism
sasl.mechanisms sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include
sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
sasl.oauthbearer.assertion.jwt.template.file sasl.oauthbearer.assertion.private.key.file
sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.private.key.pem
sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.client.id
sasl.oauthbearer.client.secret sasl.oauthbearer.config sasl.oauthbearer.extensions sasl.oauthbearer.grant.type
sasl.oauthbearer.metadata.authentication.type sasl.oauthbearer.method sasl.oauthbearer.scope sasl.oauthbearer.sub.claim.name
sasl.oauthbearer.token.endpoint.url sasl.password sasl.username security.protocol socket.connection.setup.timeout.ms
socket.keepalive.enable socket.max.fails socket.nagle.disable socket.receive.buffer.bytes socket.send.buffer.bytes
socket.timeout.ms ssl.ca.certificate.stores ssl.ca.location ssl.ca.pem ssl.certificate.location ssl.certificate.pem
ssl.cipher.suites ssl.crl.location ssl.curves.list ssl.endpoint.identification.algorithm ssl.engine.id ssl.key.location
ssl.key.password ssl.key.pem ssl.keystore.location ssl.keystore.password ssl.providers ssl.sigalgs.list statistics.interval.ms
topic.blacklist topic.metadata.propagation.max.ms topic.metadata.refresh.fast.interval.ms topic.metadata.refresh.interval.ms
topic.metadata.refresh.sparse
"""
OF_CONSUMERS = """
auto.commit.interval.ms check.crcs consume.callback.max.messages coordinator.query.interval.ms fetch.error.backoff.ms
fetch.max.bytes fetch.message.max.bytes fetch.min.bytes fetch.queue.backoff.ms fetch.wait.max.ms group.protocol
group.protocol.type heartbeat.interval.ms max.partition.fetch.bytes max.poll.interval.ms max.poll.records
queued.max.messages.kbytes queued.min.messages session.timeout.ms share.acknowledgement.mode
"""
OF_PRODUCERS = """
acks batch.num.messages batch.size compression.codec compression.level compression.type delivery.report.only.error
delivery.timeout.ms enable.gapless.guarantee linger.ms message.send.max.retries message.timeout.ms
queue.buffering.backpressure.threshold queue.buffering.max.kbytes queue.buffering.max.messages queue.buffering.max.ms
request.required.acks request.timeout.ms retries sticky.partitioning.linger.ms transaction.timeout.ms
"""
OURS = (
    "group.id",
    "group.instance.id",
    "transactional.id",
    "enable.auto.commit",
    "auto.commit.enable",
    "enable.auto.offset.store",
    "isolation.level",
    "enable.idempotence",
    "partition.assignment.strategy",
    "group.remote.assignor",
    "enable.partition.eof",
    "auto.offset.reset",
    "allow.auto.create.topics",
    "partitioner",
)
VALUE = "2000000"
CLIENT, CONSUMER, PRODUCER = ("CLIENT", "DEFAULTS_CONSUMER", "DEFAULTS_PRODUCER")
# what only makes sense in one of the clients of a kind
NOT_IN = {
    "group.protocol": {"consumer", "member", "newer member"},  # it is asked for as `Connection.group_protocol`
    "session.timeout.ms": {"newer member"},
    "heartbeat.interval.ms": {"newer member"},
    "group.protocol.type": {"newer member"},
    "transaction.timeout.ms": {"producer"},
    "message.timeout.ms": {"transactional"},
    "delivery.timeout.ms": {"transactional"},
}
CONSUMERS = ("consumer", "member", "newer member")
PRODUCERS = ("producer", "transactional")


def connection(where: str, properties: Mapping[str, str]) -> Connection:
    """Set properties by variables, as a person does."""
    told = {"KESTRA_QUEUE_TYPE": "kafka", "KESTRA_KAFKA_CLIENT_PROPERTIES_BOOTSTRAP_SERVERS": "broker:9092"}
    names = {name: name.replace("_", "__").replace(".", "_").upper() for name in properties}
    more = {f"KESTRA_KAFKA_{where}_PROPERTIES_{names[name]}": value for name, value in properties.items()}
    return connection_of(load_settings(None, {**told, **more}))


def clients(made: Connection) -> Mapping[str, Mapping[str, Any]]:
    """What each kind of client is made with."""
    return {
        "consumer": made.consumer("group"),
        "member": made.member("group", has_one_topic=True, is_classic=True),
        "newer member": made.member("group", has_one_topic=False, is_classic=False),
        "producer": made.producer(),
        "transactional": made.transactional("id"),
        "admin": made.admin(),
    }


PASSED = [
    *((CLIENT, name, (*CONSUMERS, *PRODUCERS, "admin")) for name in OF_ALL.split()),
    *((where, name, CONSUMERS) for where in (CLIENT, CONSUMER) for name in OF_CONSUMERS.split()),
    *((where, name, PRODUCERS) for where in (CLIENT, PRODUCER) for name in OF_PRODUCERS.split()),
    *((CONSUMER, name, CONSUMERS) for name in OF_ALL.split()),
    *((PRODUCER, name, PRODUCERS) for name in OF_ALL.split()),
]


@pytest.mark.parametrize(("where", "name", "kinds"), PASSED, ids=[f"{where}-{name}" for where, name, _ in PASSED])
def test_a_property_reaches_the_clients_that_know_it(where: str, name: str, kinds: tuple[str, ...]) -> None:
    made = clients(connection(where, {name: VALUE}))
    reached = {kind for kind in kinds if made[kind].get(name) == VALUE}
    assert reached == set(kinds) - NOT_IN.get(name, set())


def test_what_is_set_for_one_kind_of_client_wins_and_reaches_no_other() -> None:
    told = {
        "KESTRA_QUEUE_TYPE": "kafka",
        "KESTRA_KAFKA_CLIENT_PROPERTIES": "{bootstrap.servers: 'broker:9092', client.id: all}",
        "KESTRA_KAFKA_DEFAULTS_CONSUMER_PROPERTIES_CLIENT_ID": "reads",
        "KESTRA_KAFKA_DEFAULTS_PRODUCER_PROPERTIES_CLIENT_ID": "writes",
    }
    made = clients(connection_of(load_settings(None, told)))
    reads, writes = dict.fromkeys(CONSUMERS, "reads"), dict.fromkeys(PRODUCERS, "writes")
    assert {kind: configuration["client.id"] for kind, configuration in made.items()} == {**reads, **writes, "admin": "all"}


def test_what_is_set_wins_over_what_a_consumer_would_like_and_not_over_what_it_needs() -> None:
    made = connection(CLIENT, {"heartbeat.interval.ms": "2000"})
    liked, needed = {"heartbeat.interval.ms": 300, "fetch.queue.backoff.ms": 10}, {"partition.assignment.strategy": "range"}
    found = made.consumer("group", liked, **needed)
    assert (found["heartbeat.interval.ms"], found["fetch.queue.backoff.ms"]) == ("2000", 10)
    assert found["partition.assignment.strategy"] == "range"


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("where", [CLIENT, CONSUMER, PRODUCER])
def test_a_property_of_the_engine_is_refused(where: str, name: str) -> None:
    with pytest.raises(Invalid, match=f"{name}: is set by the engine, because"):
        connection(where, {name: "x"})


GOOD = {
    "client.id": "me",
    "message.max.bytes": "2000000",
    "socket.timeout.ms": "10000",
    "socket.keepalive.enable": "true",
    "broker.address.family": "v4",
    "statistics.interval.ms": "0",
    "debug": "security",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-256",
    "sasl.username": "me",
    "sasl.password": "secret",
    "ssl.endpoint.identification.algorithm": "https",
    "enable.ssl.certificate.verification": "true",
    "client.rack": "a",
    "session.timeout.ms": "10000",
    "heartbeat.interval.ms": "2000",
    "max.poll.interval.ms": "600000",
    "fetch.wait.max.ms": "100",
    "fetch.max.bytes": "10000000",
    "queued.max.messages.kbytes": "1000",
    "transaction.timeout.ms": "20000",
    "linger.ms": "1",
    "compression.type": "zstd",
    "compression.level": "3",
    "batch.size": "100000",
    "message.timeout.ms": "40000",
    "request.timeout.ms": "5000",
    "acks": "all",
}


def test_the_client_library_takes_what_is_set_for_all_together() -> None:
    check_properties(connection(CLIENT, GOOD))
    assert set(GOOD) <= {*OF_ALL.split(), *OF_CONSUMERS.split(), *OF_PRODUCERS.split()}


@pytest.mark.parametrize(
    ("where", "name", "value", "said"),
    [
        (CLIENT, "request.required.acks", "1", "kestra.kafka.client.properties: `acks` must be set to `all`"),
        (PRODUCER, "retries", "0", "kestra.kafka.defaults.producer.properties: "),
        (CONSUMER, "fetch.wait.max.ms", "soon", "kestra.kafka.defaults.consumer.properties: Invalid value for configuration property"),
    ],
)
def test_what_the_client_library_refuses_is_told_with_its_setting(where: str, name: str, value: str, said: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_properties(connection(where, {name: value}))
    assert said in str(caught.value)
