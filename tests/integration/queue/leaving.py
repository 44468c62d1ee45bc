"""A process that ends while a thread of it polls: nobody has closed what is polled.

python -m tests.integration.queue.leaving CLIENT PREFIX reader|member
"""

import json
import sys
from threading import Event, Thread

from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.topics import Cleanup, Topic

TOPIC = Topic("leaving", "any", str, Cleanup.DELETE, "a test", "a test", partitions=1)


def main() -> None:
    """Poll in a thread, and end once it has seen a record."""
    client, prefix, kind = json.loads(sys.argv[1]), *sys.argv[2:]
    log = KafkaLog(Connection(client, prefix=prefix, creates=True))
    log.send([Outgoing(TOPIC, "key", "value")])
    consumer = log.reader((TOPIC,)) if kind == "reader" else log.consumer("leaving", (TOPIC,))
    seen = Event()

    def poll() -> None:
        while True:
            if consumer.poll(10, 60.0):
                seen.set()

    Thread(target=poll, daemon=True).start()
    assert seen.wait(60)
    sys.stdout.write("seen\n")


if __name__ == "__main__":
    main()
