"""Processes that count, and the law that they obey together."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

from kestra_stream.errors import Unavailable
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import KafkaLog
from tests.integration.queue.counting import Task
from tests.services.broker import Broker

KEYS = tuple(f"key-{number}" for number in range(16))
PATIENCE = 60.0


@dataclass
class Counter:
    """One process."""

    process: "subprocess.Popen[bytes]"
    said: Path

    def wait_for(self, word: str, patience: float = PATIENCE) -> None:
        """Wait until it has said something."""
        wait_until(lambda: word in self.text(), patience, f"`{word}`", self)

    def text(self) -> str:
        return self.said.read_text(errors="replace")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ended(self, patience: float = PATIENCE) -> int:
        return self.process.wait(patience)

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Return the bytes of memory that it has."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def wait_until(holds: Callable[[], bool], patience: float, what: str, counter: Counter | None = None) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        said = "" if counter is None else f"; it has said:\n{counter.text()[-4000:]}"
        if counter is not None and counter.process.poll() is not None and not holds():
            raise AssertionError(f"{what} was not reached: the process has ended{said}")
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} was not reached in {patience} s{said}")
        Event().wait(0.05)


@dataclass
class Crowd:
    """A topic, a group, and the processes that share it."""

    task: Task
    folder: Path
    sent: int = 0
    counters: list[Counter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.log = KafkaLog(self.task.connection())
        self.inboxes = self.task.inbox_topics()

    def start(self, **more: object) -> Counter:
        """Start a process."""
        said = self.folder / f"{uuid4().hex}.log"
        task = replace(self.task, **more)  # type: ignore[arg-type]  # fields of the task
        with said.open("wb") as output:
            command = [sys.executable, "-m", "tests.integration.queue.counting", task.text()]
            counter = Counter(subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT), said)  # noqa: S603 - our own module
        self.counters.append(counter)
        return counter

    def send(self, rounds: int) -> None:
        """Send a record under each key, so many times; a broker that is away is waited for."""
        for _ in range(rounds):
            for inbox in self.inboxes:
                self.log.send([Outgoing(inbox, f"{inbox.name}/{key}", f"{self.sent}") for key in KEYS])
            self.sent += 1

    @contextmanager
    def sending(self, rounds: int) -> Iterator[Thread]:
        """Send in the background."""
        thread = Thread(target=self.send, args=(rounds,))
        thread.start()
        yield thread
        thread.join()

    def has_sent(self, rounds: int) -> bool:
        return self.sent >= rounds

    def answers(self, count: int, patience: float = PATIENCE) -> list[tuple[str, str]]:
        """Read answers until so many are there; return key and value of all that are committed by then."""
        reader = self.log.reader([self.task.out_topic()])
        found: list[tuple[str, str]] = []
        deadline = time.monotonic() + patience
        try:
            while len(found) < count and time.monotonic() < deadline:
                found.extend((record.key, record.value) for record in reader.poll(1000, 0.2))
            try:
                for batch in reader.catch_up():
                    found.extend((record.key, record.value) for record in batch)
            except Unavailable:
                pass
        finally:
            reader.close()
        return found

    def check(self, patience: float = PATIENCE) -> None:
        """Every record was counted once, in order, and answered once."""
        expected = {f"{inbox.name}/{key}": [f"{n}:{n + 1}" for n in range(self.sent)] for inbox in self.inboxes for key in KEYS}
        found = self.answers(self.sent * len(expected), patience)
        by_key: dict[str, list[str]] = {key: [] for key in expected}
        for key, value in found:
            by_key[key].append(value)
        wrong = {key: values for key, values in by_key.items() if values != expected[key]}
        said = "\n".join(counter.text()[-3000:] for counter in self.counters)
        assert not wrong, f"{ {key: values[:5] for key, values in list(wrong.items())[:3]} }, {len(found)} answers; they have said:\n{said}"

    def close(self) -> None:
        for counter in self.counters:
            counter.process.kill()
            counter.process.wait()
        self.log.close()


@contextmanager
def crowd(broker: Broker, folder: Path, prefix: str | None = None, inboxes: int = 1, **more: object) -> Iterator[Crowd]:
    """Make topics, and hold the processes that share them."""
    names = [f"in-{number}" for number in range(inboxes)]
    client: dict[str, object] = dict(broker.client)
    name = prefix or f"test-{uuid4().hex[:8]}-"
    task = Task(client, name, names, "out", "counting", "counts", partitions=4, more=more)
    made = Crowd(task, folder)
    try:
        for topic in (*made.inboxes, task.out_topic(), task.state_topic()):
            made.log.cluster.ensure(topic)
        yield made
    finally:
        made.close()
