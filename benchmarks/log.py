"""Speed of the memory log: records through send -> poll -> commit with two records out, by batch size, and the latency between two threads.

python -m benchmarks.log [--dry]
"""

import statistics
import time
from datetime import UTC, datetime
from threading import Event, Thread

from benchmarks.report import Figure, run
from kestra_stream.models.execution_input import TimerFired
from kestra_stream.queue.interface import Outgoing, Transaction
from kestra_stream.queue.memory import MemoryLog
from kestra_stream.topics import EXECUTION_EVENT, EXECUTION_INBOX, LOG

RECORDS = 60_000
ROUNDS = 2_000


def throughput(batch: int) -> float:
    """Return input records a second; each is sent, polled, and answered by two records in the commit that ends its batch."""
    log = MemoryLog(lambda: datetime.now(UTC))
    executor = log.consumer("executor", (EXECUTION_INBOX,))
    indexer = log.consumer("indexer", (EXECUTION_EVENT, LOG))
    value = TimerFired("t")
    incoming = [Outgoing(EXECUTION_INBOX, f"execution-{number}", value) for number in range(batch)]
    began = time.perf_counter()
    for _ in range(RECORDS // batch):
        log.send(incoming)
        out: list[Outgoing] = []
        for record in executor.poll(500, 0):
            out.append(Outgoing(EXECUTION_EVENT, record.key, value))
            out.append(Outgoing(LOG, record.key, value))
        executor.commit(Transaction(out))
        while indexer.poll(500, 0):
            indexer.commit(Transaction())
    seconds = time.perf_counter() - began
    assert log.kept(EXECUTION_INBOX) < 10_000
    return RECORDS / seconds


def empty_poll() -> float:
    """Return the seconds that a poll takes when there is nothing."""
    consumer = MemoryLog(lambda: datetime.now(UTC)).consumer("executor", (EXECUTION_INBOX,))
    consumer.poll(1, 0)
    began = time.perf_counter()
    for _ in range(100_000):
        consumer.poll(500, 0)
    return (time.perf_counter() - began) / 100_000


def latencies() -> list[float]:
    """Return the seconds from a send to the return of a poll that waits for it in another thread."""
    log = MemoryLog(lambda: datetime.now(UTC))
    consumer = log.consumer("executor", (EXECUTION_INBOX,))
    found: list[float] = []
    heard = Event()
    sent_at = 0.0

    def listen() -> None:
        while len(found) < ROUNDS:
            if consumer.poll(1, 1.0):
                found.append(time.perf_counter() - sent_at)
                consumer.commit(Transaction())
                heard.set()

    listener = Thread(target=listen)
    listener.start()
    for number in range(ROUNDS):
        heard.clear()
        time.sleep(0.0002)
        sent_at = time.perf_counter()
        log.send((Outgoing(EXECUTION_INBOX, str(number), None),))
        heard.wait()
    listener.join()
    return found


def figures() -> list[Figure]:
    """Measure everything."""
    rates = [(batch, throughput(batch)) for batch in (1, 10, 100)]
    waits = sorted(latencies())
    return [
        *(Figure(f"records a second, batches of {batch}", rate) for batch, rate in rates),
        Figure("an empty poll, ns", empty_poll() * 1e9),
        Figure("send to poll in another thread, p50, us", statistics.median(waits) * 1e6),
        Figure("send to poll in another thread, p99, us", waits[int(len(waits) * 0.99)] * 1e6),
    ]


if __name__ == "__main__":
    run("log", figures)
