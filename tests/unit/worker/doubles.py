"""A log that keeps what is sent, a line of jobs, a storage of dictionaries, and tasks to run."""

import io
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from threading import Condition, Event
from typing import Any, BinaryIO, ClassVar

from kestra_stream.errors import NotFound
from kestra_stream.models.behaviour import Behaviour, Run, Tasks
from kestra_stream.models.execution_input import TaskRunEnded
from kestra_stream.models.flow import Flow
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.records import LogEntry
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import EngineAccess, Outputs, RunContext, RunnableTask
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Consumer, Lease, Outgoing, Reader, RebalanceListener, Record, Start
from kestra_stream.storage.interface import FileAttributes
from kestra_stream.topics import KILL, Topic

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


class KillReader:
    """Reads what was sent to one topic."""

    def __init__(self, log: "KeptLog") -> None:
        self._log = log
        self._next = 0
        self._woken = False

    def poll(self, max_records: int, timeout: float) -> Sequence[Record]:
        """Return new kill requests."""
        with self._log.changed:
            self._log.changed.wait_for(lambda: len(self._log.kills) > self._next or self._log.closed or self._woken, timeout)
            self._woken = False
            found = self._log.kills[self._next :]
            self._next += len(found)
            return found

    def catch_up(self) -> Iterator[Sequence[Record]]:
        """Return what was sent so far."""
        yield self.poll(0, 0.0)

    def wake(self) -> None:
        """Return from a poll."""
        with self._log.changed:
            self._woken = True
            self._log.wakes += 1
            self._log.changed.notify_all()

    def close(self) -> None:
        """Nothing to do."""


class KeptLog:
    """Keeps every record; `refuse` makes `send` raise."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.kills: list[Record] = []
        self.sends = 0
        self.wakes = 0
        self.refuse: BaseException | None = None
        self.refused = Event()
        self.closed = False
        self.changed = Condition()

    def send(self, records: Sequence[Outgoing]) -> None:
        """Keep records."""
        if self.refuse is not None:
            self.refused.set()
            raise self.refuse
        with self.changed:
            self.sends += 1
            self.records.extend(records)
            self.kills.extend(Record(KILL.name, 0, 0, record.key, record.value, now()) for record in records if record.topic is KILL)
            self.changed.notify_all()

    def consumer(
        self, group: str, topics: Sequence[Topic], listener: RebalanceListener | None = None, state: Topic | None = None
    ) -> Consumer:
        """A worker is in no group of the log."""
        raise AssertionError(f"a worker joins {group} for {topics}, {listener}, {state}")

    def reader(self, topics: Sequence[Topic], start: Start | datetime = Start.OLDEST, key: str | None = None) -> Reader:
        """A reader of kill requests."""
        return KillReader(self)

    def close(self) -> None:
        """Stop."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def values(self, kind: type[Any]) -> list[Any]:
        """What was sent of one type."""
        with self.changed:
            return [record.value for record in self.records if isinstance(record.value, kind)]

    def wait(self, kind: type[Any], count: int = 1, timeout: float = 20.0) -> list[Any]:
        """Wait until so many values of a type were sent."""
        with self.changed:
            found = self.changed.wait_for(lambda: sum(isinstance(r.value, kind) for r in self.records) >= count, timeout)
        assert found, f"only {self.values(kind)}"
        return self.values(kind)

    def ended(self, count: int = 1) -> list[TaskRunEnded]:
        """Wait for ends."""
        return self.wait(TaskRunEnded, count)

    def lines(self) -> list[str]:
        """Messages of all log lines."""
        return [entry.message for entry in self.values(LogEntry)]


class JobLine:
    """Jobs in line; remembers what was accepted, released, and in no hands but the worker's when it left."""

    def __init__(self) -> None:
        self._jobs: deque[Lease] = deque()
        self._changed = Condition()
        self._closed = False
        self.accepted: list[str] = []
        self.released: list[str] = []
        self.left: list[str] = []
        self.accepts = True
        self._held: list[str] = []

    @property
    def waiting(self) -> int:
        """How many jobs are in line."""
        return len(self._jobs)

    def offer(self, *jobs: Any) -> None:
        """Put jobs in line."""
        with self._changed:
            for job in jobs:
                name = job.key if isinstance(job, Record) else job.task_run_id
                self._jobs.append(Lease(f"lease-{name}", job, NOW + timedelta(seconds=30)))
            self._changed.notify_all()

    def take(self, count: int, timeout: float) -> Sequence[Lease]:
        """Lease jobs."""
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closed, timeout)
            leases = [self._jobs.popleft() for _ in range(min(count, len(self._jobs)))]
            self._held += [lease.id for lease in leases]
            return leases

    def accept(self, lease: Lease) -> bool:
        """Remember."""
        self._held.remove(lease.id)
        self.accepted.append(lease.id)
        return self.accepts

    def release(self, lease: Lease) -> None:
        """Remember."""
        self._held.remove(lease.id)
        self.released.append(lease.id)

    def close(self) -> None:
        """Let `take` return."""
        with self._changed:
            self.left, self._closed = list(self._held), True
            self._changed.notify_all()


class DictStorage:
    """Files in a dictionary."""

    def __init__(self) -> None:
        self.files: dict[tuple[str, str], tuple[bytes, Mapping[str, str]]] = {}

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        if (tenant, uri) not in self.files:
            raise NotFound(uri)
        return io.BytesIO(self.files[tenant, uri][0][start:end])

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        self.files[tenant, uri] = (content if isinstance(content, bytes) else content.read(), metadata or {})
        return uri

    def attributes(self, tenant: str, uri: str) -> FileAttributes | None:
        found = self.files.get((tenant, uri))
        return None if found is None else FileAttributes(uri, len(found[0]), now(), metadata=found[1])

    def list(self, tenant: str, uri: str, *, recursive: bool = False) -> Iterator[FileAttributes]:
        for owner, name in sorted(self.files):
            if owner == tenant and name.startswith(uri):
                yield FileAttributes(name, len(self.files[owner, name][0]), now())

    def delete(self, tenant: str, uri: str) -> int:
        gone = [key for key in self.files if key == (tenant, uri) or (uri.endswith("/") and key[0] == tenant and key[1].startswith(uri))]
        for key in gone:
            del self.files[key]
        return len(gone)

    def move(self, tenant: str, source: str, target: str) -> str:
        self.files[tenant, target] = self.files.pop((tenant, source))
        return target


class Does(RunnableTask):
    """A task whose work is a function in `WORKS`, by its id."""

    type_name: ClassVar[str] = "test.Does"
    works: ClassVar[dict[str, Callable[[RunContext], Any]]] = {}
    type: str = "test.Does"

    def run(self, context: RunContext) -> Outputs:
        result: Outputs = self.works[self.id](context)
        return result


class Together(Task):
    """A minimal WorkingDirectory."""

    type: str = "test.Together"
    tasks: tuple[Any, ...] = ()

    def behaviour(self) -> Behaviour:
        children: Tasks = self.tasks
        return Run(children)

    def prepare(self, context: RunContext) -> None:
        """Leave a file."""
        context.working_directory.write("prepared.txt", b"yes")

    def finish(self, context: RunContext) -> Outputs:
        """Tell the files."""
        return {"files": [path.name for path in context.working_directory.find(["**"])]}


def flow_of(*tasks: Task) -> Flow:
    """A flow with these tasks."""
    return Flow(id="f", namespace="company.team", tasks=tasks)


def job(task_id: str, number: int = 1, **changes: Any) -> TaskJob:
    """A job for a task of that flow."""
    values: dict[str, Any] = {
        "execution_id": "e1",
        "namespace": "company.team",
        "flow_id": "f",
        "flow_revision": 1,
        "task_id": task_id,
        "task_run_id": f"run-{number}",
        "epoch": 1,
        "attempt": 0,
        "created_at": now(),
    }
    return TaskJob(**(values | changes))


def services(storage: Any = None, repository: Any = None, **changes: Any) -> Services:
    """Services over dictionaries."""
    engine = EngineAccess(repository, storage or DictStorage(), lambda _id, _input: None)
    return Services(engine, now, **changes)


def eventually(test: Callable[[], bool], timeout: float = 10.0) -> bool:
    """Ask again and again until it is true."""
    end, never = time.monotonic() + timeout, Event()
    while not test():
        if time.monotonic() > end:
            return False
        never.wait(0.01)
    return True
