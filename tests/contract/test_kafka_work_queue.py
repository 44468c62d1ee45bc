"""The work queue on a real Kafka fulfils the contract of the work queue."""

from collections.abc import Iterator

import pytest

from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.work_queue import KafkaWorkQueue
from kestra_stream.testing.contracts.work_queue import OpenQueue, WorkQueueContract
from tests.services.broker import Broker


@pytest.mark.timeout(300)
class TestKafkaWorkQueue(WorkQueueContract):
    """Leases of two seconds: a job that is handed to another worker has a longer way."""

    patience = 60.0
    lease_seconds = 2.0

    @pytest.fixture
    def log(self, kafka: Broker, prefix: str) -> Iterator[KafkaLog]:
        log = KafkaLog(Connection(kafka.client, prefix=prefix, creates=True))
        yield log
        log.close()

    @pytest.fixture
    def open_queue(self, log: KafkaLog) -> OpenQueue:
        return lambda group: KafkaWorkQueue(log.cluster, group, self.lease_seconds)
