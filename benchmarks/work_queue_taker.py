"""A worker of the stress suite: `python -m benchmarks.work_queue_taker SERVERS PREFIX SLOTS FILE`; it writes what it does, line by line.

Moments are of the machine's monotonic clock, which all its processes share.
"""

import heapq
import json
import signal
import sys
import time
from pathlib import Path
from threading import Event

from kestra_stream.queue.interface import Lease
from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue

GROUP = "stress"
_PATIENCE = 0.5


def main(servers: str, prefix: str, slots: int, file: str) -> None:
    """Take jobs until SIGTERM; each holds its slot for as many seconds as its flow id says."""
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stopped.set())
    queue = KafkaWorkQueue(KafkaLog(Connection({"bootstrap.servers": servers}, prefix=prefix)).cluster, GROUP)
    ends: list[float] = []
    with Path(file).open("a", buffering=1, encoding="utf-8") as out:

        def note(*what: object) -> None:
            out.write(json.dumps((time.monotonic(), *what)) + "\n")

        def begin(lease: Lease) -> None:
            if queue.accept(lease):
                note("accept", lease.job.lookup_id)
                heapq.heappush(ends, time.monotonic() + float(lease.job.flow_id))

        note("free", slots)
        while not stopped.is_set():
            while ends and ends[0] <= time.monotonic():
                heapq.heappop(ends)
            free = slots - len(ends)
            note("free", free)
            wait = min(ends[0] - time.monotonic(), _PATIENCE) if ends else _PATIENCE
            if not free:
                stopped.wait(max(wait, 0.0))
                continue
            for lease in queue.take(free, max(wait, 0.001)):
                begin(lease)
        queue.close()
        note("free", 0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
