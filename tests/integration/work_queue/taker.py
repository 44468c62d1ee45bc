"""A process that takes jobs and writes down which it has accepted: `python -m tests.integration.work_queue.taker PROPERTIES PREFIX FILE`."""

import json
import signal
import sys
from pathlib import Path
from threading import Event

from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue

SLOTS = 4
GROUP = "faults"


def main(properties: str, prefix: str, file: str) -> None:
    """Take jobs until SIGTERM; each keeps the slots busy for a moment, as a job does."""
    stopped = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    queue = KafkaWorkQueue(KafkaLog(Connection(json.loads(properties), prefix=prefix)).cluster, GROUP)
    with Path(file).open("a", buffering=1) as accepted:
        while not stopped.is_set():
            for lease in queue.take(SLOTS, 0.5):
                if queue.accept(lease):
                    accepted.write(f"{lease.job.lookup_id}\n")
            stopped.wait(0.02)
    queue.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
