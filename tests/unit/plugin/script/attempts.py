"""Runs one task in a real attempt, over local storage and the memory repository."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from kestra_stream.models.execution_input import TaskRunEnded
from kestra_stream.models.flow import Flow
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.records import LogEntry, MetricEntry
from kestra_stream.models.task import Task
from kestra_stream.plugin.api import EngineAccess
from kestra_stream.plugin.context.control import StopReason
from kestra_stream.plugin.context.services import Services
from kestra_stream.queue.interface import Outgoing
from kestra_stream.repository.memory import memory_repository
from kestra_stream.runtime.claim_check import ClaimCheck
from kestra_stream.storage.local import LocalStorage
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_run import JobRunner
from tests.unit.worker.doubles import flow_of, job, now


@dataclass
class Ran:
    """What came of an attempt."""

    ended: TaskRunEnded
    logs: list[LogEntry]
    metrics: list[MetricEntry]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """Level and message of each line."""
        return [(entry.level.value, entry.message) for entry in self.logs]

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Outputs, which there must be."""
        assert self.ended.outputs is not None, self.ended.error
        return self.ended.outputs


@dataclass
class Place:
    """A worker's surroundings in a folder."""

    folder: Path
    changes: dict[str, Any] = field(default_factory=dict)
    limits: WorkerLimits = field(default_factory=WorkerLimits)

    def __post_init__(self) -> None:
        self.storage = LocalStorage(self.folder / "storage")
        self.repository = memory_repository(None)
        engine = EngineAccess(self.repository, self.storage, lambda _id, _input: None)
        changes: dict[str, Any] = {"directory_root": self.folder / "work", "fetch": ClaimCheck(self.storage).fetch} | self.changes
        self.services = Services(engine, now, **changes)

    def run(self, task: Task, **changes: Any) -> Ran:
        """Run a task to its end."""
        with self.running(task, **changes) as (_, result):
            pass
        ran: Ran = result()
        return ran

    @contextmanager
    def running(self, task: Task, **changes: Any) -> Iterator[tuple[RunningJob, Any]]:
        """Run a task while the block runs; the second value returns what came of it once the block is left."""
        sent: list[Outgoing] = []
        flow: Flow = flow_of(task)
        task_job: TaskJob = job(task.id, **changes)
        running = RunningJob(task_job, now())
        runner = JobRunner(lambda *_: flow, self.services, self.limits, "w", sent.extend)
        thread = Thread(target=lambda: sent.extend(runner.run(running)))
        thread.start()

        def result() -> Ran:
            values = [record.value for record in sent]
            (ended,) = [value for value in values if isinstance(value, TaskRunEnded)]
            return Ran(ended, [v for v in values if isinstance(v, LogEntry)], [v for v in values if isinstance(v, MetricEntry)])

        yield running, result
        thread.join(30)
        assert not thread.is_alive()
        assert list((self.folder / "work").glob("*")) == [], "a working directory was left behind"


def kill(running: RunningJob) -> None:
    """Stop an attempt as a kill request does."""
    running.control.stop(StopReason.KILLED)
