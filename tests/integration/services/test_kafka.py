"""The brokers of tests/services: shared by a run, or one's own and put through everything that can happen to one."""

from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, KafkaException

from tests.integration.services.records import read, write
from tests.services.broker import Broker
from tests.services.errors import ServiceError
from tests.services.fixtures import ClusterMaker, given_kafka
from tests.services.kafka import KafkaCluster


def test_the_broker_of_the_run_takes_and_gives_records(kafka: Broker, prefix: str) -> None:
    topic = kafka.create_topic(f"{prefix}words")
    write(kafka, topic, "a", "b")
    assert read(kafka, topic, 2) == ["a", "b"]


def test_a_broker_that_is_given_must_answer(kafka: Broker) -> None:
    assert given_kafka({"KESTRA_STREAM_TEST_KAFKA": kafka.bootstrap_servers}).bootstrap_servers == kafka.bootstrap_servers
    with pytest.raises(
        ServiceError, match=r"^KESTRA_STREAM_TEST_KAFKA=127\.0\.0\.1:1: no broker answers there .* leave the variable out\.$"
    ):
        given_kafka({"KESTRA_STREAM_TEST_KAFKA": "127.0.0.1:1"}, patience=1)


def test_topics_and_groups_are_configured(kafka: Broker, prefix: str) -> None:
    topic = kafka.create_topic(f"{prefix}words", partitions=3, config={"cleanup.policy": "compact"})
    kafka.configure_topic(topic, {"max.message.bytes": "1000"})
    kafka.configure_group(f"{prefix}readers", {"share.auto.offset.reset": "earliest"})
    with pytest.raises(KafkaException) as refused:
        write(kafka, topic, "x" * 2000)
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE


def test_topics_are_deleted_by_name_and_missing_ones_passed_over(kafka: Broker, prefix: str) -> None:
    topic = kafka.create_topic(f"{prefix}words")
    assert kafka.topics(prefix) == {topic}
    kafka.delete_topics([topic, f"{prefix}missing"])
    assert kafka.topics(prefix) == set()


@pytest.fixture(scope="class")
def cluster(request: pytest.FixtureRequest) -> Iterator[KafkaCluster]:
    """The cluster of a class of tests, each of which leaves it serving."""
    with KafkaCluster(brokers=request.cls.brokers, properties={"message.max.bytes": "3000"}) as cluster:
        yield cluster


class TestOneBroker:
    """A broker of one's own."""

    brokers = 1

    def test_properties_of_the_broker_are_those_that_were_given(self, cluster: KafkaCluster) -> None:
        topic = cluster.broker.create_topic("small")
        with pytest.raises(KafkaException) as refused:
            write(cluster.broker, topic, "x" * 4000)
        assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE

    def test_what_was_acknowledged_is_there_after_a_kill_and_after_a_restart(self, cluster: KafkaCluster) -> None:
        topic, address = cluster.broker.create_topic("words"), cluster.bootstrap_servers
        write(cluster.broker, topic, "a")
        cluster.kill()
        cluster.start()
        write(cluster.broker, topic, "b")
        cluster.restart()
        assert cluster.bootstrap_servers == address
        assert read(cluster.broker, topic, 2) == ["a", "b"]

    def test_a_frozen_broker_answers_nobody_until_it_goes_on(self, cluster: KafkaCluster) -> None:
        topic = cluster.broker.create_topic("patience")
        cluster.pause()
        with pytest.raises(KafkaException):
            write(cluster.broker, topic, "a", seconds=1)
        cluster.resume()
        write(cluster.broker, topic, "b")
        assert read(cluster.broker, topic, 1)[0] in {"a", "b"}

    def test_a_broker_that_runs_is_not_started_twice(self, cluster: KafkaCluster) -> None:
        before = [process.id for process in cluster.processes]
        cluster.start()
        assert [process.id for process in cluster.processes] == before


class TestThreeBrokers:
    """Three brokers, three copies, two of which have to be in sync."""

    brokers = 3

    def test_one_that_is_killed_is_not_missed(self, cluster: KafkaCluster) -> None:
        topic = cluster.broker.create_topic("words", partitions=3, replicas=3)
        write(cluster.broker, topic, *"abc")
        cluster.kill(2)
        write(cluster.broker, topic, *"def")
        assert sorted(read(cluster.broker, topic, 6)) == list("abcdef")
        cluster.start(2)
        cluster.wait_for(3)

    def test_two_that_are_frozen_are(self, cluster: KafkaCluster) -> None:
        topic = cluster.broker.create_topic("more-words", replicas=3)
        write(cluster.broker, topic, "a")
        cluster.pause(1)
        cluster.pause(3)
        with pytest.raises(KafkaException):
            write(cluster.broker, topic, "b", seconds=5)
        cluster.resume(1)
        cluster.resume(3)
        write(cluster.broker, topic, "c")


def test_a_property_that_the_broker_refuses_is_told(kafka_cluster: ClusterMaker) -> None:
    with pytest.raises(ServiceError, match=r"Invalid value.*message\.max\.bytes"):
        kafka_cluster(properties={"message.max.bytes": "-1"})


def test_a_broker_that_cannot_start_shows_its_log(kafka_cluster: ClusterMaker) -> None:
    port = int(kafka_cluster().bootstrap_servers.rpartition(":")[2])
    with pytest.raises(ServiceError, match=r"kafka-1 has ended. Its log, .*kafka-1.log, ends:(?s:.)*Address already in use"):
        kafka_cluster(port=port)
