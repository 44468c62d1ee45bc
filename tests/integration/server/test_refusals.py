"""What stops a server at its start: one message that names the setting and the remedy, at once where waiting would not help, and no secret."""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from kestra_stream.assembly.starting import prepare
from kestra_stream.errors import Invalid, KestraError, Unavailable
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.settings import load_settings
from tests.services.broker import Broker
from tests.services.certificates import Authority
from tests.services.kafka import KafkaCluster
from tests.services.security import Security

SECRET = "hunter2-is-no-password"
CLIENT = "kestra.kafka.client.properties"
DEFAULTS = "kestra.kafka.defaults"
WITH_RIGHTS = {"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS"}


@pytest.fixture(scope="module")
def secure() -> Iterator[KafkaCluster]:
    """A cluster that asks who its clients are, and lets them do nothing."""
    security = Security("SCRAM-SHA-512", is_encrypted=True, password=SECRET)
    with KafkaCluster(security=security, properties=WITH_RIGHTS) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def old() -> Iterator[KafkaCluster]:
    """A cluster without the group protocol of Kafka 4."""
    with KafkaCluster(properties={"group.coordinator.rebalance.protocols": "classic"}) as cluster:
        yield cluster


def settings_of(client: Mapping[str, object], folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {
        "KESTRA_QUEUE_TYPE": "kafka",
        "KESTRA_KAFKA_CLIENT_PROPERTIES": json.dumps(dict(client)),
        "KESTRA_KAFKA_CLIENT_START_TIMEOUT": "2s",
        "KESTRA_STORAGE_LOCAL_BASE_PATH": str(folder / "storage"),
        **more,
    }


class Refusals:
    """Starts that fail, and all that is told then."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        self._folder, self._caplog = folder, caplog

    def of(self, client: Mapping[str, object], **more: str) -> KestraError:
        """Return why a server does not start; what it tells holds no secret, and the client library says nothing beside it."""
        self._caplog.set_level(logging.INFO)
        settings = load_settings(None, settings_of(client, self._folder, more))
        with pytest.raises(KestraError) as caught:
            prepare(settings, SystemClock())
        told = [record.getMessage() for record in self._caplog.records]
        assert not [line for line in told if line.startswith(("FAIL", "ERROR"))]
        assert SECRET not in "\n".join((*told, str(caught.value), repr(settings)))
        return caught.value


@pytest.fixture
def refusals(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Refusals:
    return Refusals(tmp_path, caplog)


def test_credentials_that_are_wrong_are_told_at_once(secure: KafkaCluster, refusals: Refusals, tmp_path: Path) -> None:
    right = secure.broker.client
    another = tmp_path / "another.pem"
    another.write_bytes(Authority().certificate())
    for wrong in (
        replace(secure.security, password=f"{SECRET}-not").of_client(secure.place.directory),
        {**right, "sasl.username": "bob"},
        {**right, "sasl.mechanism": "PLAIN"},
        {name: value for name, value in right.items() if name != "ssl.ca.location"},
        {**right, "ssl.ca.location": str(another)},
    ):
        error = refusals.of({**wrong, "bootstrap.servers": secure.bootstrap_servers})
        assert isinstance(error, Invalid)
        assert f"the broker at {secure.bootstrap_servers} refuses this client" in str(error)
        assert CLIENT in str(error)


def test_another_protocol_than_the_port_speaks_is_told(secure: KafkaCluster, old: KafkaCluster, refusals: Refusals) -> None:
    plain = refusals.of({"bootstrap.servers": secure.bootstrap_servers})
    encrypted = refusals.of({**secure.broker.client, "bootstrap.servers": old.bootstrap_servers})
    for error in (plain, encrypted):
        assert isinstance(error, Unavailable)
        assert "security.protocol" in str(error)
        assert "given up after kestra.kafka.client.start-timeout (2 s)" in str(error)
    assert "SSL connection closed by peer" in str(encrypted)


def test_missing_rights_are_told(secure: KafkaCluster, refusals: Refusals) -> None:
    error = refusals.of(secure.broker.client)
    assert isinstance(error, Invalid)
    assert "this user may not DESCRIBE, READ, WRITE; allow DESCRIBE, READ, WRITE on topics with this prefix" in str(error)


def test_a_host_that_is_not_there_is_told(refusals: Refusals) -> None:
    error = refusals.of({"bootstrap.servers": "no-such-host.invalid:9092"})
    assert isinstance(error, Unavailable)
    assert "Failed to resolve 'no-such-host.invalid:9092'" in str(error)
    assert f"{CLIENT}.bootstrap.servers" in str(error)


@pytest.mark.parametrize("where", ["KESTRA_KAFKA_CLIENT_PROPERTIES", "KESTRA_KAFKA_DEFAULTS_CONSUMER_PROPERTIES"])
def test_a_broker_that_is_too_old_is_told(where: str, old: KafkaCluster, refusals: Refusals) -> None:
    error = refusals.of(old.broker.client, **{f"{where}_GROUP_PROTOCOL": "consumer"})
    assert isinstance(error, Invalid)
    assert "the broker does not know the group protocol `consumer`: it needs Kafka 4.0 or newer" in str(error)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("KESTRA_KAFKA_CLIENT_PROPERTIES_LINGERR_MS", "5", f'{CLIENT}: No such configuration property: "lingerr.ms"'),
        (
            "KESTRA_KAFKA_CLIENT_PROPERTIES_MESSAGE_MAX_BYTES",
            "big",
            f'{CLIENT}: Invalid value for configuration property "message.max.bytes"',
        ),
        (
            "KESTRA_KAFKA_DEFAULTS_CONSUMER_PROPERTIES_FETCHH",
            "1",
            f'{DEFAULTS}.consumer.properties: No such configuration property: "fetchh"',
        ),
        ("KESTRA_KAFKA_DEFAULTS_PRODUCER_PROPERTIES_ACKS", "1", f"{DEFAULTS}.producer.properties: `acks` must be set to `all`"),
        ("KESTRA_KAFKA_DEFAULTS_TOPIC_REPLICATION_FACTOR", "3", f"lower {DEFAULTS}.topic.replication-factor"),
        ("KESTRA_STORAGE_LOCAL_BASE_PATH", "/proc/nothing", "kestra.storage.local.base-path: nothing can be written to /proc/nothing"),
    ],
)
def test_a_setting_that_cannot_be_is_told_before_anything_is_made(
    variable: str, value: str, said: str, kafka: Broker, prefix: str, refusals: Refusals
) -> None:
    error = refusals.of(kafka.client, KESTRA_KAFKA_DEFAULTS_TOPIC_PREFIX=prefix, **{variable: value})
    assert isinstance(error, Invalid)
    assert said in str(error)
    assert not kafka.topics(prefix)


def test_a_folder_of_state_that_cannot_be_written_is_told(kafka: Broker, refusals: Refusals) -> None:
    error = refusals.of(kafka.client, KESTRA_ENGINE_STATE_TYPE="disk", KESTRA_ENGINE_STATE_PATH="/proc/nothing")
    assert "kestra.engine.state.path: nothing can be written to /proc/nothing" in str(error)


def test_topics_that_would_lose_something_are_told(kafka: Broker, prefix: str, refusals: Refusals) -> None:
    kafka.create_topic(f"{prefix}execution_inbox", 4)
    kafka.create_topic(f"{prefix}executor_state", 2, config={"cleanup.policy": "delete"})
    more = {"PREFIX": prefix, "PARTITIONS": "8"}
    told = {f"KESTRA_KAFKA_DEFAULTS_TOPIC_{name}": value for name, value in more.items()}
    error = refusals.of(kafka.client, KESTRA_KAFKA_CLIENT_START_TIMEOUT="60s", **told)
    assert f"{prefix}execution_inbox: partitions: has 4 partitions, 8 are wanted" in str(error)
    assert f"{prefix}executor_state: cleanup.policy: is `delete`, but must be `compact`" in str(error)
    assert f"has 2 partitions, but {prefix}execution_inbox, whose state it keeps, has 4" in str(error)


OIDC = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
    "sasl.oauthbearer.method": "oidc",
    "sasl.oauthbearer.client.id": "engine",
    "sasl.oauthbearer.client.secret": SECRET,
    "sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:1/token",
}


def test_the_properties_of_oauth_reach_the_client(refusals: Refusals) -> None:
    """It asks the place of the tokens that the settings name, and nobody is there."""
    error = refusals.of({"bootstrap.servers": "127.0.0.1:1", **OIDC})
    assert isinstance(error, KestraError)
    assert "127.0.0.1:1" in str(error)
