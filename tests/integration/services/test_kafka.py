"""The brokers of tests/services: shared by a run, or one's own and put through everything that can happen to one."""

from confluent_kafka import Consumer, Producer

from tests.services.broker import Broker
from tests.services.fixtures import ClusterMaker


def write(broker: Broker, topic: str, *values: str) -> None:
    producer = Producer({**broker.client, "acks": "all", "retry.backoff.ms": 1})
    for value in values:
        producer.produce(topic, value)
    assert producer.flush(30) == 0


def read(broker: Broker, topic: str, count: int) -> list[str]:
    consumer = Consumer({**broker.client, "group.id": f"{topic}-readers", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    values: list[str] = []
    while len(values) < count:
        record = consumer.poll(30)
        assert record is not None
        assert record.error() is None
        values.append((record.value() or b"").decode())
    consumer.close()
    return values


def test_the_broker_of_the_run_takes_and_gives_records(kafka: Broker, prefix: str) -> None:
    topic = kafka.create_topic(f"{prefix}words")
    write(kafka, topic, "a", "b")
    assert read(kafka, topic, 2) == ["a", "b"]


def test_a_broker_that_was_killed_still_has_what_it_acknowledged(kafka_cluster: ClusterMaker) -> None:
    cluster = kafka_cluster()
    topic = cluster.broker.create_topic("words")
    write(cluster.broker, topic, "before")
    cluster.kill()
    cluster.start()
    write(cluster.broker, topic, "after")
    assert read(cluster.broker, topic, 2) == ["before", "after"]
