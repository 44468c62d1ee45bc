"""The log on a real Kafka fulfils the contracts of the log: with either group protocol, and with its state in memory or on disk."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.testing.contracts.log import LogContract
from kestra_stream.testing.contracts.raw_records import RawRecordContract
from kestra_stream.testing.contracts.reader import LogReaderContract
from kestra_stream.testing.contracts.state import StateStoreContract
from kestra_stream.testing.contracts.transactions import LogTransactionContract
from tests.services.broker import Broker
from tests.services.kafka import KafkaCluster

# A member that hangs is noticed by its missing polls: soon enough for a test.
PROPERTIES = {"session.timeout.ms": 6000, "max.poll.interval.ms": 6000, "group.protocol": "classic"}
QUICK = {
    "group.consumer.min.session.timeout.ms": "5000",
    "group.consumer.min.heartbeat.interval.ms": "500",
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.heartbeat.interval.ms": "500",
}


def kafka_log(kafka: Broker, prefix: str, properties: Mapping[str, object], state_folder: Path | None = None) -> KafkaLog:
    return KafkaLog(Connection({**kafka.client, **properties}, prefix=prefix, creates=True, state_folder=state_folder))


@pytest.fixture(scope="module")
def quick_kafka() -> Iterator[Broker]:
    with KafkaCluster(properties=QUICK) as cluster:
        yield cluster.broker


@pytest.mark.timeout(300)
class TestKafkaLog(LogContract, LogReaderContract, LogTransactionContract, StateStoreContract, RawRecordContract):
    """The classic protocol."""

    patience = 60.0

    @pytest.fixture
    def log(self, kafka: Broker, prefix: str) -> Iterator[KafkaLog]:
        log = kafka_log(kafka, prefix, PROPERTIES)
        yield log
        log.close()


@pytest.mark.timeout(300)
class TestKafkaLogWithTheConsumerProtocol(LogContract, LogReaderContract, LogTransactionContract, StateStoreContract, RawRecordContract):
    """The protocol of Kafka 4, on a broker that notices a dead member as soon as the classic one does."""

    patience = 60.0

    @pytest.fixture
    def log(self, quick_kafka: Broker) -> Iterator[KafkaLog]:
        log = kafka_log(quick_kafka, f"test-{uuid4().hex[:12]}-", {"max.poll.interval.ms": 6000})
        assert log.group_protocol.spoken() == "consumer"
        yield log
        log.close()


@pytest.mark.timeout(300)
class TestKafkaLogWithStateOnDisk(LogTransactionContract, StateStoreContract):
    """State in local copies; each member has its own, as on machines of their own."""

    patience = 60.0

    @pytest.fixture
    def log(self, kafka: Broker, prefix: str, tmp_path: Path) -> Iterator[KafkaLog]:
        log = kafka_log(kafka, prefix, PROPERTIES, tmp_path)
        yield log
        log.close()
