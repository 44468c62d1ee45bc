"""The log on a real Kafka fulfils the contracts of the log: with the classic group protocol, and with the newer one of Kafka 4."""

from collections.abc import Iterator, Mapping

import pytest

from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.testing.contracts.log import LogContract
from kestra_stream.testing.contracts.raw_records import RawRecordContract
from kestra_stream.testing.contracts.reader import LogReaderContract
from kestra_stream.testing.contracts.transactions import LogTransactionContract
from tests.services.broker import Broker

# A member that hangs is noticed by its missing polls: soon enough for a test.
PROPERTIES = {"session.timeout.ms": 6000, "max.poll.interval.ms": 6000}


def kafka_log(kafka: Broker, prefix: str, properties: Mapping[str, object]) -> KafkaLog:
    return KafkaLog(Connection({**kafka.client, **properties}, prefix=prefix, creates=True))


@pytest.mark.timeout(300)
class TestKafkaLog(LogContract, LogReaderContract, LogTransactionContract, RawRecordContract):
    """The classic protocol."""

    patience = 60.0

    @pytest.fixture
    def log(self, kafka: Broker, prefix: str) -> Iterator[KafkaLog]:
        log = kafka_log(kafka, prefix, PROPERTIES)
        yield log
        log.close()
