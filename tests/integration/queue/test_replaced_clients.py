"""A client that another has replaced is gone, with its threads and files: nothing holds it, and the garbage collector need not look."""

import gc
from collections.abc import Iterator
from threading import Event, Thread

import psutil
import pytest

from kestra_stream.errors import KestraError
from kestra_stream.queue.interface import Outgoing, Transaction
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.topics import Cleanup, Topic
from tests.integration.queue.crowd import wait_until
from tests.services.fixtures import ClusterMaker

PATIENCE = 90.0
INBOX = Topic("inbox", "any", str, Cleanup.DELETE, "a test", "a test")
OUT = Topic("out", "any", str, Cleanup.DELETE, "a test", "a test")
OUTAGES = 3
A_CLIENT = 4
"""Threads that any client has."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Work:
    """Sends, reads and commits, and goes on when that fails."""

    def __init__(self, log: KafkaLog) -> None:
        self._log = log
        self.done = self.failed = 0
        self._stopped = Event()
        self._thread = Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        member = self._log.consumer("workers", (INBOX,))
        while not self._stopped.is_set():
            try:
                self._log.send([Outgoing(INBOX, "key", "value")])
                if records := member.poll(10, 0.1):
                    member.commit(Transaction(records=[Outgoing(OUT, record.key, record.value) for record in records]))
                    self.done += 1
            except KestraError:
                self.failed += 1
        member.close()

    def goes_on(self) -> None:
        """Wait until it does more."""
        done = self.done
        wait_until(lambda: self.done > done + 3, PATIENCE, "work is done")

    def fails(self) -> None:
        """Wait until something is given up, and given up again."""
        failed = self.failed
        wait_until(lambda: self.failed > failed + 2, PATIENCE, "something fails")

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()


def test_after_any_number_of_outages_there_are_as_many_clients_as_before(kafka_cluster: ClusterMaker) -> None:
    cluster = kafka_cluster()
    log = KafkaLog(Connection({**cluster.broker.client, "message.timeout.ms": 3000}, prefix="test-", creates=True))
    work, threads = Work(log), list[int]()
    try:
        for _ in range(OUTAGES):
            work.goes_on()
            cluster.stop()
            work.fails()
            cluster.start()
            work.goes_on()
            threads.append(psutil.Process().num_threads())
    finally:
        work.stop()
        log.close()
    assert max(threads[1:]) < threads[0] + A_CLIENT, threads
