"""The memory log fulfils the contracts of the log, with eager and with incremental rebalances."""

from collections.abc import Iterator

import pytest

from kestra_stream.queue.memory import MemoryLog
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.testing.contracts.log import LogContract
from kestra_stream.testing.contracts.raw_records import RawRecordContract
from kestra_stream.testing.contracts.reader import LogReaderContract
from kestra_stream.testing.contracts.state import StateStoreContract
from kestra_stream.testing.contracts.transactions import LogTransactionContract


class TestMemoryLog(LogContract, LogReaderContract, LogTransactionContract, StateStoreContract, RawRecordContract):
    """Eager rebalances."""

    @pytest.fixture
    def log(self) -> Iterator[MemoryLog]:
        log = MemoryLog(SystemClock().now)
        yield log
        log.close()


class TestIncrementalMemoryLog(LogContract, LogReaderContract, LogTransactionContract, StateStoreContract, RawRecordContract):
    """Incremental rebalances."""

    @pytest.fixture
    def log(self) -> Iterator[MemoryLog]:
        log = MemoryLog(SystemClock().now, incremental=True)
        yield log
        log.close()


class TestMemoryLogOfBytes(LogTransactionContract, StateStoreContract):
    """Values and state are written as JSON, and read again."""

    @pytest.fixture
    def log(self) -> Iterator[MemoryLog]:
        log = MemoryLog(SystemClock().now, as_bytes=True)
        yield log
        log.close()
