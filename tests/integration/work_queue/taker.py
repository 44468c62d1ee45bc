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
    asked: list[int] = []  # no Event: to set one in a handler of the thread that waits for it may lock it up
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    moment = Event()
    queue = KafkaWorkQueue(KafkaLog(Connection(json.loads(properties), prefix=prefix)).cluster, GROUP)
    with Path(file).open("a", buffering=1) as accepted:
        while not asked:
            for lease in queue.take(SLOTS, 0.5):
                if queue.accept(lease):
                    accepted.write(f"{lease.job.lookup_id}\n")
            moment.wait(0.02)
    queue.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
