"""Brokers that ask who their clients are: whoever shows it comes in, nobody else does."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tests.integration.services.records import read, write
from tests.services.kafka import KafkaCluster
from tests.services.security import Security

ALL = {
    "plain": Security("PLAIN"),
    "scram 256": Security("SCRAM-SHA-256"),
    "scram 512 over tls": Security("SCRAM-SHA-512", is_encrypted=True),
    "tls": Security(is_encrypted=True),
    "certificates of clients": Security(is_encrypted=True, wants_certificate=True),
    "oauth": Security("OAUTHBEARER"),
}


@pytest.fixture(scope="module", params=list(ALL.values()), ids=list(ALL))
def cluster(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """One cluster for each way."""
    with KafkaCluster(security=request.param) as cluster:
        yield cluster


def test_who_shows_what_is_asked_for_comes_in(cluster: KafkaCluster) -> None:
    topic = cluster.administrator.create_topic("words")
    write(cluster.broker, topic, "a")
    assert read(cluster.broker, topic, 1) == ["a"]


def test_who_shows_nothing_stays_out(cluster: KafkaCluster) -> None:
    assert is_refused({"bootstrap.servers": cluster.bootstrap_servers})


@pytest.mark.parametrize("cluster", [ALL["plain"], ALL["scram 512 over tls"]], ids=["plain", "scram 512 over tls"], indirect=True)
def test_a_wrong_password_is_refused(cluster: KafkaCluster) -> None:
    wrong = replace(cluster.security, password="looking-glass").of_client(cluster.place.directory)
    assert is_refused({"bootstrap.servers": cluster.bootstrap_servers, **wrong})


def test_users_are_known_after_a_restart() -> None:
    with KafkaCluster(security=ALL["scram 256"]) as cluster:
        cluster.restart()
        assert cluster.broker.topics() == cluster.administrator.topics()


def is_refused(client: Mapping[str, str]) -> bool:
    try:
        AdminClient({**client, "log_level": 0}).list_topics(timeout=2)
    except KafkaException:
        return True
    return False
