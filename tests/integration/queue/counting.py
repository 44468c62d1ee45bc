"""A process that counts: each record adds one to its key's count and is answered with `VALUE:COUNT`, once, whatever happens to it.

It is told by JSON on its command line what to do, and says on its output `joined`, and `stopped` where it stands still for ever.
"""

import json
import logging
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event
from typing import Any

from confluent_kafka import TopicPartition as ClientPartition

from kestra_stream.queue.interface import Outgoing, Record, State, StateChange, TopicPartition, Transaction
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.queue.kafka.clients.held import Held
from kestra_stream.queue.kafka.member import KafkaMember
from kestra_stream.queue.kafka.transactions.transactor import Transactor
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.runtime.loop import Loop
from kestra_stream.topics import Cleanup, Topic


@dataclass(frozen=True, slots=True)
class Task:
    """What a counting process is told.

    Attributes:
        inboxes: names of the topics that it reads, without the prefix.
        state: of its state topic.
        folder: where copies of its state lie on disk.
        stands_at: `produced` or `offsets`: how far its first transaction gets before it stands still.
        most_file_bytes: no file grows larger: its disk is full.
    """

    client: dict[str, object]
    prefix: str
    inboxes: Sequence[str]
    out: str
    group: str
    state: str
    partitions: int
    folder: str | None = None
    instance: str | None = None
    stands_at: str | None = None
    most_file_bytes: int = 0
    more: dict[str, object] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps(asdict(self))

    def inbox_topics(self) -> tuple[Topic, ...]:
        return tuple(Topic(name, "any", str, Cleanup.DELETE, "a test", "a test", self.partitions) for name in self.inboxes)

    def out_topic(self) -> Topic:
        return Topic(self.out, "any", str, Cleanup.DELETE, "a test", "a test", self.partitions)

    def state_topic(self) -> Topic:
        return Topic(self.state, "any", object, Cleanup.COMPACT, "a test", "a test", self.partitions)

    def connection(self) -> Connection:
        properties = {**self.client, **self.more}
        folder = None if self.folder is None else Path(self.folder)
        return Connection(properties, self.prefix, instance_id=self.instance, creates=True, state_folder=folder)


class Counting:
    """The processor."""

    def __init__(self, task: Task, joined: Callable[[], None]) -> None:
        self.group = task.group
        self.topics = task.inbox_topics()
        self.state = task.state_topic()
        self._out = task.out_topic()
        self._joined = joined
        self._kept: dict[int, Mapping[str, Mapping[str, Any]]] = {}
        self._counts: dict[tuple[int, str], int] = {}
        self._drafts: dict[tuple[int, str], int] = {}

    def process(self, records: Sequence[Record], now: datetime) -> Transaction:
        del now
        answers = []
        for record in records:
            count = self._count(record.partition, record.key) + 1
            self._drafts[record.partition, record.key] = count
            answers.append(Outgoing(self._out, record.key, f"{record.value}:{count}"))
        return Transaction(answers, [StateChange(key, "", count) for (_, key), count in self._drafts.items()])

    def _count(self, number: int, key: str) -> int:
        if (number, key) in self._drafts:
            return self._drafts[number, key]
        if (number, key) in self._counts:
            return self._counts[number, key]
        parts = self._kept[number].get(key)
        return 0 if parts is None else int(parts[""])

    def wake(self, now: datetime) -> Transaction:
        del now
        return Transaction()

    def wake_at(self) -> datetime | None:
        return None

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        self._kept.update(state)
        self._joined()

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        gone = {place.partition for place in partitions}
        for number in gone:
            self._kept.pop(number, None)
        self._counts = {place: count for place, count in self._counts.items() if place[0] not in gone}
        self._drafts.clear()

    def rolled_back(self) -> None:
        self._drafts.clear()

    def committed(self) -> None:
        self._counts.update(self._drafts)
        self._drafts.clear()


class StandingStill(Transactor):
    """Gets so far with its first transaction, and no further."""

    stands_at = ""

    def _send_offsets(self, producer: Held, offsets: Sequence[ClientPartition], member: Any) -> None:
        self._stand("offsets")
        super()._send_offsets(producer, offsets, member)

    def _again(self, producer: Held, request: Callable[[], None], action: str) -> None:
        self._stand(action)
        super()._again(producer, request, action)

    def _stand(self, action: str) -> None:
        if action == self.stands_at and self._producer is not None:
            self._producer.flush(5)
            say("stopped")
            Event().wait()


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(text: str) -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    task = Task(**json.loads(text))
    log = KafkaLog(task.connection())
    loop = Loop(Counting(task, lambda: say("joined")), log, SystemClock(), lambda record: str(record.value).encode())
    if task.most_file_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (task.most_file_bytes, resource.RLIM_INFINITY))
        signal.signal(signal.SIGUSR1, lambda *_: resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2))
    if task.stands_at is not None:
        assert isinstance(loop.consumer, KafkaMember)
        own, claims = loop.consumer._transactor, loop.consumer._claims  # noqa: SLF001 - the fault is inside
        transactor = StandingStill(log.cluster, task.group, own.id, lambda: False, claims)
        transactor.stands_at = {"produced": "offsets", "offsets": "commit"}[task.stands_at]
        loop.consumer._transactor = transactor  # noqa: SLF001 - the fault is inside
    signal.signal(signal.SIGTERM, lambda *_: loop.stop())
    thread = loop.start("counting")
    while thread.is_alive():
        thread.join(0.2)
    log.close()


if __name__ == "__main__":
    main(sys.argv[1])
