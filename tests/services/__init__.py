"""Real services for tests and for trying things out: Kafka and an S3-compatible server, installed once, without containers."""

from tests.services.broker import Broker
from tests.services.kafka import KafkaCluster

__all__ = ["Broker", "KafkaCluster"]
