"""`kestra-stream` whose producers are unruly: `python -m tests.integration.faults.unruly SEED WAYS server executor -c ...`.

Ways, one or more:
    twice     about every third record is sent twice
    swapped   records that are sent together, of one key and of several, go in any order
    late      some of what was sent in the last seconds is sent once more

Records of a state topic are the log's own: their order inside of a transaction may be any one, and there is one for each key, so they are
sent twice and swapped like others; but an old one is never sent again, as none of them is after its acknowledgement.
"""

import sys
import time
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Any
from unittest.mock import patch

from kestra_stream.cli.main import main
from kestra_stream.queue.kafka.encoding import Encoded
from kestra_stream.queue.kafka.sender import Sender
from kestra_stream.queue.kafka.transactions.transactor import Transactor
from kestra_stream.queue.kafka.work_queue.talk import Talk

SECONDS = 5.0
TWICE, LATE = 0.3, 0.15
STATE = ("executor_state", "limiter_state", "liveness_state")


class Mischief:
    """What befalls records on their way."""

    def __init__(self, random: Random, ways: Sequence[str]) -> None:
        self._random, self._ways = random, frozenset(ways)
        self._past: deque[tuple[float, Encoded]] = deque(maxlen=500)

    def befall(self, records: Sequence[Encoded]) -> list[Encoded]:
        """Return what is sent in place of records."""
        now, mixed = time.monotonic(), list(records)
        if "twice" in self._ways:
            mixed += [record for record in records if self._random.random() < TWICE]
        if "late" in self._ways:
            young = [record for sent_at, record in tuple(self._past) if now - sent_at < SECONDS]
            mixed += [record for record in young if self._random.random() < LATE / max(len(young) / 10, 1)]
            self._past.extend((now, record) for record in records if not record.topic.endswith(STATE))
        if "swapped" in self._ways:
            self._random.shuffle(mixed)
        return mixed


def run() -> None:
    """Be the product, but for its producers."""
    seed, ways = int(sys.argv.pop(1)), sys.argv.pop(1).split("+")
    mischief = Mischief(Random(seed), ways)  # noqa: S311 - a test
    send, commit, say = Sender.send, Transactor.commit, Talk._produce  # noqa: SLF001 - where a message leaves the process

    def sent(self: Sender, records: Sequence[Encoded]) -> None:
        send(self, mischief.befall(records))

    def committed(self: Transactor, records: Sequence[Encoded], offsets: Any, member: Any) -> None:
        commit(self, mischief.befall(records), offsets, member)

    def said(self: Talk, *what: Any) -> None:
        for _ in range(2 if "twice" in ways else 1):
            say(self, *what)

    with patch.object(Sender, "send", sent), patch.object(Transactor, "commit", committed), patch.object(Talk, "_produce", said):
        main()


if __name__ == "__main__":
    run()
