"""The work queue of the memory log fulfils the contract of the work queue."""

from collections.abc import Iterator

import pytest

from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.testing.contracts.work_queue import OpenQueue, WorkQueueContract


class TestMemoryWorkQueue(WorkQueueContract):
    """Leases of 0.3 seconds."""

    @pytest.fixture
    def log(self) -> Iterator[MemoryLog]:
        log = MemoryLog(SystemClock().now, lease_seconds=self.lease_seconds)
        yield log
        log.close()

    @pytest.fixture
    def open_queue(self, log: MemoryLog) -> OpenQueue:
        return log.work_queue
