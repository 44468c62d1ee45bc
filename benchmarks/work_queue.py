"""The stress suite of the work queue on Kafka: trickle, burst, slow jobs, more workers than partitions, kills, freezes, coming and going.

python -m benchmarks.work_queue [--dry] [--seed=N] [--only=kill,churn] [--broker=HOST:PORT]
Workers are processes of their own; without --broker a broker starts for it. What is lost must be none, and what is taken twice none but
where workers are killed or frozen. The seed is printed and chooses whom a fault meets, and when.
"""

import json
import signal
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from random import Random
from threading import Event, Thread
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from benchmarks.kafka_bench import broker
from benchmarks.report import Figure, run
from benchmarks.work_queue_taker import GROUP
from kestra_stream.models.messages import LookupJob
from kestra_stream.queue.interface import Outgoing
from kestra_stream.queue.kafka import Connection, KafkaLog
from kestra_stream.topics import WORKER_JOB, WORKER_TALK, job_topic

PARTITIONS = 4
PATIENCE = 150.0
_tick = Event()


def asked(name: str, otherwise: str) -> str:
    """Return an argument of the command line."""
    return next((word.split("=")[1] for word in sys.argv if word.startswith(f"--{name}=")), otherwise)


class Crew:
    """Workers, the jobs they were offered, and what they did."""

    def __init__(self, servers: str, folder: Path, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a benchmark
        self.offered: dict[str, float] = {}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.died: dict[int, float] = {}
        self._arguments = (servers, f"stress-{uuid4().hex[:8]}-")
        self._folder = folder
        self._log = KafkaLog(Connection({"bootstrap.servers": servers}, prefix=self._arguments[1], creates=True))
        self._log.cluster.ensure(job_topic(GROUP), PARTITIONS)
        self._log.cluster.ensure(WORKER_TALK, PARTITIONS)

    def join(self, count: int = 1, slots: int = 8) -> None:
        """Start workers, and wait until they take jobs."""
        first = len(self.workers)
        for number in range(first, first + count):
            command = (sys.executable, "-m", "benchmarks.work_queue_taker", *self._arguments, str(slots), str(self._file(number)))
            self.workers.append(subprocess.Popen(command))  # noqa: S603 - ourselves
        deadline = time.monotonic() + PATIENCE
        while not all(self._file(number).exists() for number in range(first, first + count)) and time.monotonic() < deadline:
            _tick.wait(0.05)

    def offer(self, count: int, seconds: Callable[[], float] = lambda: 0.0, rate: float = 0.0, batch: int = 500) -> None:
        """Send jobs: all at once, or so many a second."""
        began, end = time.monotonic(), len(self.offered) + count
        while len(self.offered) < end:
            names = [f"job-{len(self.offered) + more}" for more in range(min(batch, end - len(self.offered)))]
            jobs = [LookupJob(name, "a.namespace", str(seconds()), 1, name, (), worker_group=GROUP) for name in names]
            if rate:
                _tick.wait(max(began + (count - (end - len(self.offered))) / rate - time.monotonic(), 0.0))
            now = time.monotonic()
            self._log.send([Outgoing(WORKER_JOB, job.lookup_id, job) for job in jobs])
            self.offered.update(dict.fromkeys(names, now if rate else time.monotonic()))

    @contextmanager
    def offering(self, count: int, rate: float) -> Generator[None]:
        """Send short jobs while the block does something to the workers."""
        thread = Thread(target=self.offer, args=(count, lambda: self.random.uniform(0.0, 0.05), rate, 10))
        thread.start()
        yield
        thread.join()

    def one(self) -> int:
        """Choose one that lives."""
        return self.random.choice([number for number, worker in enumerate(self.workers) if worker.poll() is None])

    def kill(self, number: int) -> None:
        """Kill -9."""
        self.workers[number].kill()
        self.workers[number].wait()
        self.died[number] = time.monotonic()

    def pause(self, least: float, most: float) -> None:
        """Let some seconds go by."""
        _tick.wait(self.random.uniform(least, most))

    def wait(self) -> None:
        """Wait until each job was accepted."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and len({what[2] for what in self.events() if what[1] == "accept"}) < len(self.offered):
            _tick.wait(0.5)

    def events(self) -> list[tuple[float, str, str | int, int]]:
        """Return what the workers did: moment, what, of which job or how many, who."""
        found = [(moment, "free", 0, number) for number, moment in self.died.items()]
        for number in range(len(self.workers)):
            lines = self._file(number).read_text(encoding="utf-8").split("\n")[:-1] if self._file(number).exists() else []
            found += [(*json.loads(line), number) for line in lines]
        return sorted(found, key=lambda what: what[0])

    def close(self) -> None:
        """End all, and delete the topics."""
        for worker in self.workers:
            worker.send_signal(signal.SIGCONT)
            worker.terminate()
        for worker in self.workers:
            worker.wait(60)
        self._log.close()
        names = [f"{self._arguments[1]}{topic.name}" for topic in (job_topic(GROUP), WORKER_TALK)]
        admin = AdminClient({"bootstrap.servers": self._arguments[0]})
        for deleted in admin.delete_topics(names).values():
            deleted.result()

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.jsonl"


def trickle(crew: Crew) -> None:
    crew.join(2)
    crew.offer(300, rate=50, batch=1)


def burst(crew: Crew) -> None:
    crew.join(3, slots=16)
    crew.offer(20_000, lambda: 0.005)


def hundred_thousand(crew: Crew) -> None:
    crew.join(2, slots=16)
    crew.offer(100_000, batch=2_000)


def slow(crew: Crew) -> None:
    crew.join(3, slots=4)
    crew.offer(200, lambda: crew.random.choice([0.02] * 9 + [3.0]), rate=20, batch=1)


def crowd(crew: Crew) -> None:
    crew.join(6, slots=2)
    crew.offer(300, lambda: 0.3, rate=30, batch=5)


def kill(crew: Crew) -> None:
    crew.join(4)
    with crew.offering(6_000, rate=200):
        for _ in range(6):
            crew.pause(2.0, 5.0)
            crew.kill(crew.one())
            crew.join()


def freeze(crew: Crew) -> None:
    crew.join(4)
    with crew.offering(4_000, rate=100):
        for seconds in (1.0, 4.0, 8.0, 14.0):
            crew.pause(1.0, 3.0)
            number = crew.one()
            crew.workers[number].send_signal(signal.SIGSTOP)
            _tick.wait(seconds)
            crew.workers[number].send_signal(signal.SIGCONT)


def churn(crew: Crew) -> None:
    crew.join(3)
    with crew.offering(6_000, rate=150):
        for _ in range(10):
            crew.pause(1.0, 4.0)
            if sum(worker.poll() is None for worker in crew.workers) > 2 and crew.random.random() < 0.5:
                crew.workers[crew.one()].terminate()
            else:
                crew.join()


SCENARIOS = (trickle, burst, hundred_thousand, slow, crowd, kill, freeze, churn)
MAY_REPEAT = (kill, freeze)


def free_times(events: Sequence[tuple[float, str, str | int, int]]) -> list[tuple[float, float]]:
    """Return the stretches in which some worker had a free slot."""
    free: dict[int, int] = {}
    stretches: list[tuple[float, float]] = []
    since: float | None = None
    for moment, what, value, worker in events:
        free[worker] = int(value) if what == "free" else free.get(worker, 0) - 1
        is_free = any(slots > 0 for slots in free.values())
        if is_free and since is None:
            since = moment
        elif not is_free and since is not None:
            stretches.append((since, moment))
            since = None
    return stretches if since is None else [*stretches, (since, float("inf"))]


def worst_wait(offered: dict[str, float], taken: dict[str, float], stretches: Sequence[tuple[float, float]]) -> float:
    """Return the longest time that a job waited while there was a free slot all the time."""
    worst, begins = 0.0, [begin for begin, _ in stretches]
    for name, moment in taken.items():
        for begin, end in stretches[max(bisect_right(begins, offered[name]) - 1, 0) :]:
            if begin > moment:
                break
            worst = max(worst, min(end, moment) - max(begin, offered[name]))
    return worst


def figures(scenario: Callable[[Crew], None], crew: Crew) -> list[Figure]:
    """Lay out what happened."""
    events = crew.events()
    taken: dict[str, float] = {}
    times = Counter[str]()
    for moment, what, name, _ in events:
        if what == "accept":
            taken.setdefault(str(name), moment)
            times[str(name)] += 1
    waits = sorted(max(moment - crew.offered[name], 0.0) * 1000 for name, moment in taken.items())
    span = max(taken.values()) - min(crew.offered.values())
    doubled = sum(count > 1 for count in times.values())
    name = f"{scenario.__name__.replace('_', ' ')}, {len(crew.offered):,} jobs"
    return [
        Figure(f"{name}: lost", len(crew.offered) - len(taken), "<= 0"),
        Figure(f"{name}: taken twice", doubled, "" if scenario in MAY_REPEAT else "<= 0"),
        Figure(f"{name}: offer to take, p50 ms", waits[len(waits) // 2]),
        Figure(f"{name}: offer to take, p99 ms", waits[len(waits) * 99 // 100]),
        Figure(f"{name}: worst wait while somebody has a free slot, s", worst_wait(crew.offered, taken, free_times(events))),
        Figure(f"{name}: jobs a second", len(taken) / span),
    ]


def measure() -> list[Figure]:
    """Run the scenarios, one after the other."""
    seed = int(asked("seed", str(time.time_ns() % 10_000)))
    chosen = asked("only", ",".join(one.__name__ for one in SCENARIOS)).split(",")
    print(f"seed {seed}", flush=True)
    found: list[Figure] = []
    given = asked("broker", "")
    with nullcontext(given) if given else broker() as servers:
        for scenario in (one for one in SCENARIOS if one.__name__ in chosen):
            with tempfile.TemporaryDirectory() as folder:
                crew = Crew(servers, Path(folder), seed)
                try:
                    scenario(crew)
                    crew.wait()
                finally:
                    crew.close()
                found += figures(scenario, crew)
    return found


if __name__ == "__main__":
    run("work-queue", measure)
