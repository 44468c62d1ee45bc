"""Real services for tests and for trying things out: Kafka and an S3-compatible server, installed once, without containers."""

from tests.services.broker import Broker
from tests.services.kafka import KafkaCluster
from tests.services.s3 import S3, S3Server
from tests.services.security import Security

__all__ = ["S3", "Broker", "KafkaCluster", "S3Server", "Security"]
