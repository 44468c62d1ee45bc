"""A running engine, a healthy execution beside the bad one, and a count of all that a bad one could leave behind."""

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import entry_points
from pathlib import Path
from threading import Event, current_thread
from typing import Any, ClassVar

import psutil
from pydantic import SecretStr

from kestra_stream.assembly.standalone import Standalone
from kestra_stream.cli.follow.follower import Follower
from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import StateType
from kestra_stream.plugin.api import Outputs, RunContext, RunnableTask
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.plugin.registry import GROUP, Registry
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.settings import EncryptionSettings, LocalStorageSettings, Settings, StorageSettings, WorkerSettings
from kestra_stream.storage.interface import Storage

PATIENCE = 60.0
HEALTHY = """
id: healthy
namespace: tests.bad
tasks:
  - {id: say, type: io.kestra.plugin.core.log.Log, message: "hello {{ execution.id }}"}
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [a, b, c]
    concurrencyLimit: 0
    tasks: [{id: back, type: io.kestra.plugin.core.debug.Return, format: "{{ taskrun.value }}"}]
  - {id: script, type: io.kestra.plugin.scripts.shell.Commands, commands: ["echo fine > out.txt"], outputFiles: [out.txt]}
"""


class BrokenClock(SystemClock):
    """A clock that stops to work for one thread."""

    def __init__(self) -> None:
        self.is_broken = Event()

    def now(self) -> datetime:
        """The present moment, or an error."""
        if self.is_broken.is_set() and current_thread().name == "the executor":
            raise OSError("no clock")
        return datetime.now(UTC)


class Does(RunnableTask):
    """A task whose work is a function that the test has named."""

    type_name: ClassVar[str] = "tests.Does"
    works: ClassVar[dict[str, Callable[[RunContext], Any]]] = {}
    work: str

    def run(self, context: RunContext) -> Outputs:
        result: Outputs = self.works[self.work](context)
        return result


@dataclass(frozen=True, slots=True)
class Story:
    """How an execution went."""

    head: Execution
    runs: Sequence[TaskRun]
    lines: Sequence[LogEntry]

    @property
    def state(self) -> str:
        """Its state."""
        return self.head.state.current.value

    def run(self, task_id: str) -> TaskRun:
        """The one run of a task."""
        (found,) = [run for run in self.runs if run.task_id == task_id]
        return found

    @property
    def errors(self) -> list[str]:
        """Its ERROR lines, each with the task that it belongs to."""
        return [f"{line.task_id or ''}: {line.message}" for line in self.lines if line.level is Level.ERROR]

    @property
    def text(self) -> str:
        """All messages."""
        return "\n".join(line.message for line in self.lines)


class Bench:
    """The engine."""

    def __init__(self, folder: Path, registry: Registry | None = None, storage: Storage | None = None) -> None:
        self.registry = registry or Registry(tuple(entry_points(group=GROUP)))
        self.registry.register(Does)
        settings = Settings(
            storage=StorageSettings(local=LocalStorageSettings(base_path=folder / "storage")),
            worker=WorkerSettings(slots=4),
            encryption=EncryptionSettings(secret_key=SecretStr("A" * 43 + "=")),
        )
        self.folder = folder
        self.engine = Standalone(settings, self.registry, storage=storage)
        self.follower = Follower(self.engine.backend.log)
        self.lines: list[LogEntry] = []

    def start(self, source: str, inputs: Mapping[str, Any] | None = None) -> str:
        """Save a flow and create an execution of it."""
        flow = parse_flow(source, registry=self.registry)
        saved = self.engine.flows.save(FlowSource(flow.tenant_id, flow.namespace, flow.id, 0, flow.source, {}))
        stored = self.engine.table.get(saved.tenant_id, saved.namespace, saved.id, saved.revision)
        assert stored is not None
        return self.engine.executions.create(stored, inputs or {}).id

    def task(self, definition: str, after: str = "") -> str:
        """Start a flow of the task `bad`; its definition is YAML without id. `after` is YAML of more tasks and of the flow."""
        body = "\n".join(f"    {line}" for line in definition.strip().splitlines())
        return self.start(f"id: bad\nnamespace: tests.bad\ntasks:\n  - id: bad\n{body}\n{after}")

    def does(self, work: Callable[[RunContext], Any], more: str = "", after: str = "") -> str:
        """Start a flow of the task `bad` that calls a function."""
        Does.works[work.__name__] = work
        return self.task(f"type: tests.Does\nwork: {work.__name__}\n{more}", after)

    def end(self, execution_id: str, seconds: float = PATIENCE) -> Story:
        """Wait until an execution has finished, while healthy ones run one after the other; all of them must succeed."""
        clock = self.engine.clock
        until = clock.monotonic() + seconds
        while True:
            healthy = self.start(HEALTHY)
            while not self.is_finished(healthy):
                assert clock.monotonic() < until, f"the healthy one hangs; {self.story(execution_id).state}"
                self.lines += self.follower.poll(0.1)
            assert self.story(healthy).state == "SUCCESS", self.story(healthy)
            if self.is_finished(execution_id):
                break
            assert clock.monotonic() < until, f"not finished: {self.story(execution_id)}"
        known = self.follower.executions[execution_id]
        self.engine.wait_until_settled(execution_id, known.folded.sequence)
        self.lines += self.follower.poll(0)
        return self.story(execution_id)

    def until(self, test: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Follow until something is true."""
        clock = self.engine.clock
        until = clock.monotonic() + seconds
        while not test():
            assert clock.monotonic() < until
            self.lines += self.follower.poll(0.02)

    def is_finished(self, execution_id: str) -> bool:
        """Whether an execution has finished."""
        known = self.follower.executions.get(execution_id)
        return known is not None and known.finished

    def state_of(self, execution_id: str, task_id: str) -> StateType | None:
        """The state of the run of a task."""
        known = self.follower.executions.get(execution_id)
        found = [run.state.current for run in known.runs.values() if run.task_id == task_id] if known else []
        return found[0] if found else None

    def story(self, execution_id: str) -> Story:
        """How an execution went so far."""
        known = self.follower.executions[execution_id]
        return Story(known.head, tuple(known.runs.values()), [line for line in self.lines if line.execution_id == execution_id])


@dataclass(frozen=True, slots=True)
class Left:
    """What a process holds."""

    threads: frozenset[str]
    files: frozenset[str]
    processes: frozenset[str]
    temporary: frozenset[str]

    @classmethod
    def now(cls, temporary: Path) -> "Left":
        """Count."""
        return cls(
            frozenset(thread.name for thread in threading.enumerate()),
            frozenset(open_files()),
            frozenset(processes_of(temporary)),
            frozenset(str(path) for path in temporary.rglob("*")),
        )

    def since(self, earlier: "Left") -> dict[str, set[str]]:
        """What is there now and was not then."""
        names = ("threads", "files", "processes", "temporary")
        new = {name: set(getattr(self, name)) - set(getattr(earlier, name)) for name in names}
        return {name: found for name, found in new.items() if found}


def open_files() -> list[str]:
    """Descriptors with what they point at."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(f"{path.name} -> {path.readlink()}")
    return found


def processes_of(temporary: Path) -> list[str]:
    """Processes anywhere that were started with this temporary folder, and children of this one."""
    found = {child.pid: child for child in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get("TMPDIR") == str(temporary):
                found[process.pid] = process
    shown = []
    for process in found.values():
        with contextlib.suppress(psutil.Error):
            shown.append(f"{process.pid} {process.status()} {process.cmdline()}")
    return shown
