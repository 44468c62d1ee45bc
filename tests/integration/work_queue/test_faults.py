"""No job is lost, whatever happens to the workers of its group; one that nothing happens to is not done twice."""

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from threading import Event

import pytest

from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import Connection, KafkaLog, KafkaWorkQueue
from kestra_stream.topics import WORKER_JOB, WORKER_TALK, job_topic
from tests.integration.work_queue.taker import GROUP
from tests.services.broker import Broker

PATIENCE = 120.0
JOBS = 600


class Crew:
    """Workers as processes of their own."""

    def __init__(self, kafka: Broker, prefix: str, directory: Path, seed: int) -> None:
        print(f"seed {seed}")  # noqa: T201 - a failure must be seen again
        self.random = Random(seed)  # noqa: S311 - a test
        self.workers: list[subprocess.Popen[bytes]] = []
        self.log = KafkaLog(Connection(kafka.client, prefix=prefix, creates=True))
        self.log.cluster.ensure(job_topic(GROUP), 3)
        self.log.cluster.ensure(WORKER_TALK, 2)
        self._arguments = (json.dumps(dict(kafka.client)), prefix)
        self._directory = directory
        self._tick = Event()
        self.offered = 0

    def join(self, count: int = 1) -> None:
        """Start workers."""
        for _ in range(count):
            file = str(self._directory / f"{len(self.workers)}.accepted")
            command = (sys.executable, "-m", "tests.integration.work_queue.taker", *self._arguments, file)
            self.workers.append(subprocess.Popen(command))  # noqa: S603 - ourselves

    def one(self) -> subprocess.Popen[bytes]:
        """Return one of those that live."""
        return self.random.choice([worker for worker in self.workers if worker.poll() is None])

    def offer(self, names: list[str]) -> None:
        """Send jobs."""
        self.offered += len(names)
        jobs = [LookupJob(name, "a.namespace", "flow", 1, name, (), worker_group=GROUP) for name in names]
        self.log.send([Outgoing(WORKER_JOB, job.lookup_id, job) for job in jobs])

    def accepted(self) -> Counter[str]:
        """Return how often each job was accepted."""
        return Counter(name for file in self._directory.glob("*.accepted") for name in file.read_text().split())

    def wait(self, count: int) -> Counter[str]:
        """Wait until as many jobs were accepted."""
        deadline = time.monotonic() + PATIENCE
        while len(self.accepted()) < count and time.monotonic() < deadline:
            self._tick.wait(0.1)
        return self.accepted()

    def close(self) -> None:
        """End all."""
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.kill()
            worker.wait()
        self.log.close()


def kill(crew: Crew) -> None:
    worker = crew.one()
    worker.kill()
    worker.wait()
    crew.join()


def freeze(crew: Crew) -> None:
    worker = crew.one()
    worker.send_signal(signal.SIGSTOP)
    crew.wait(crew.offered)  # the others do its work, once the broker has given up on it
    worker.send_signal(signal.SIGCONT)


def come_and_go(crew: Crew) -> None:
    crew.join()
    worker = crew.one()
    worker.terminate()
    worker.wait()


@pytest.fixture
def crew(kafka: Broker, prefix: str, tmp_path: Path) -> Iterator[Crew]:
    found = Crew(kafka, prefix, tmp_path, seed=time.time_ns() % 10_000)
    yield found
    found.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [kill, freeze, come_and_go])
def test_no_job_is_lost(crew: Crew, fault: Callable[[Crew], None]) -> None:
    names = [f"job-{number}" for number in range(JOBS)]
    crew.join(4)
    crew.wait(0)
    for start in range(0, JOBS, JOBS // 3):
        crew.offer(names[start : start + JOBS // 3])
        crew.wait(start + crew.random.randrange(JOBS // 3))
        fault(crew)
    assert set(crew.wait(JOBS)) == set(names)


@pytest.mark.timeout(300)
def test_what_is_done_is_deleted_and_nothing_else(kafka: Broker, prefix: str, tmp_path: Path) -> None:
    crew = Crew(kafka, prefix, tmp_path, seed=0)
    queue = KafkaWorkQueue(crew.log.cluster, GROUP, trim_seconds=0.0)
    names = [f"job-{number}" for number in range(2_000)]
    crew.offer(names)
    seen: list[str] = []
    deadline = time.monotonic() + PATIENCE
    while len(seen) < 1_800 and time.monotonic() < deadline:
        seen += [lease.job.lookup_id for lease in queue.take(min(100, 1_800 - len(seen)), 0.5) if queue.accept(lease)]
    queue.close()
    heir = KafkaWorkQueue(crew.log.cluster, GROUP)
    while len(seen) < len(names) and time.monotonic() < deadline:
        seen += [lease.job.lookup_id for lease in heir.take(100, 0.5) if heir.accept(lease)]
    heir.close()
    crew.close()
    assert sorted(seen) == sorted(names)
