"""Records written to and read from a broker."""

from confluent_kafka import Consumer, KafkaException, Producer

from tests.services.broker import Broker


def write(broker: Broker, topic: str, *values: str, seconds: float = 60) -> None:
    """Write values with acks=all; raise the error of the first that is not acknowledged in time."""
    errors: list[KafkaException] = []
    patience = {"delivery.timeout.ms": int(seconds * 1000), "request.timeout.ms": int(min(30, seconds) * 1000)}
    producer = Producer({**broker.client, **patience, "acks": "all", "retry.backoff.ms": 1, "linger.ms": 0, "log_level": 0})
    for value in values:
        producer.produce(topic, value, on_delivery=lambda error, _: errors.append(KafkaException(error)) if error else None)
    producer.flush()
    if errors:
        raise errors[0]


def read(broker: Broker, topic: str, count: int) -> list[str]:
    """Read that many values from the beginning."""
    consumer = Consumer({**broker.client, "group.id": f"{topic}-readers", "auto.offset.reset": "earliest", "log_level": 0})
    consumer.subscribe([topic])
    values: list[str] = []
    while len(values) < count:
        record = consumer.poll(30)
        assert record is not None
        assert record.error() is None
        values.append((record.value() or b"").decode())
    consumer.close()
    return values
