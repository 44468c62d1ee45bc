"""The page for plugin authors: write one class with pydantic fields and a `run`, name it in an entry point, and it is there.

class Shout(RunnableTask):
    type_name = "com.example.Shout"
    message: Property[str]

    class Output(TaskOutput):
        value: str

    def run(self, context: RunContext) -> "Shout.Output":
        text = context.render(self.message)
        context.logger.info("shouting")
        return Shout.Output(value=text.upper())
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO, ClassVar, Protocol, TypeVar, overload

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from kestra_stream.errors import KestraError
from kestra_stream.models.property import Property
from kestra_stream.models.records import Level, MetricType
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.repository.interface import Repository
from kestra_stream.storage.interface import Storage

T = TypeVar("T")

__all__ = ["Measure", "Outcome", "Property", "RunContext", "RunnableTask", "Stopped", "TaskFailed", "TaskOutput"]


class TaskOutput(BaseModel):
    """Root of a task's outputs: fields are snake_case here and camelCase in `outputs.<task>`."""

    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, arbitrary_types_allowed=True
    )


Outputs = TaskOutput | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outputs with a state other than SUCCESS: WARNING, FAILED, KILLED or CANCELLED."""

    outputs: Outputs
    state: StateType
    error: str | None = None


class TaskFailed(KestraError):
    """The task failed, with a message for the log; `outputs` are kept."""

    def __init__(self, message: str, outputs: Outputs = None) -> None:
        super().__init__(message)
        self.outputs = outputs


class Stopped(BaseException):
    """The attempt was killed or its time is over. Not an `Exception`, so that no task swallows it by accident; clean up and let it pass."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A metric that a type gives, for its documentation."""

    name: str
    type: MetricType
    description: str


class RunnableTask(Task):
    """A task that a worker runs.

    Attributes:
        measures: the metrics that its runs give.
    """

    measures: ClassVar[tuple[Measure, ...]] = ()

    def run(self, context: "RunContext") -> "Outputs | Outcome":
        """Do the work and return the outputs; raise to fail. Called in a thread of its own, once an attempt."""
        raise TypeError(f"{self.type} has no run()")


class DirectoryTask(Protocol):
    """A task whose children one worker runs in one shared directory."""

    def prepare(self, context: "RunContext") -> None:
        """Fill the directory before the first child runs."""
        ...

    def finish(self, context: "RunContext") -> "Outputs":
        """Save what is to be kept once the last child has ended well, and return the outputs."""
        ...


class Logger(Protocol):
    """The attempt's log. Secrets that the context has rendered are masked."""

    def log(self, level: Level, message: str, *, cut: int = 0) -> None:
        """Write one line; `cut` tells how many bytes were already cut off at its end."""
        ...

    def trace(self, message: str) -> None:
        """Write one line."""
        ...

    def debug(self, message: str) -> None:
        """Write one line."""
        ...

    def info(self, message: str) -> None:
        """Write one line."""
        ...

    def warning(self, message: str) -> None:
        """Write one line."""
        ...

    def error(self, message: str) -> None:
        """Write one line."""
        ...


class Files(Protocol):
    """Internal storage, as this task run may use it."""

    def open(self, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Read a `kestra://` file of this execution, its parents, this namespace, or an allowed one.

        Raises:
            InvalidUri: outside of what this task may read.
            NotFound: nothing there.
        """
        ...

    def put(self, content: BinaryIO | bytes | Path, name: str) -> str:
        """Store a file among the outputs of this task run and return its `kestra:///` URI."""
        ...

    def writer(self, name: str) -> AbstractContextManager["FileWriter"]:
        """Write a file piece by piece; it is stored when the block ends without an error (then `.uri` is set)."""
        ...

    def size(self, uri: str) -> int:
        """Size in bytes."""
        ...

    def exists(self, uri: str) -> bool:
        """Whether the file is there."""
        ...

    def delete(self, uri: str) -> bool:
        """Delete a file of this execution or namespace; False when there was none."""
        ...

    def delete_execution_files(self) -> Sequence[str]:
        """Delete all files of this execution and return their URIs."""
        ...


class FileWriter(Protocol):
    """What `Files.writer` gives."""

    uri: str

    def write(self, content: bytes) -> int:
        """Append bytes."""
        ...


@dataclass(frozen=True, slots=True)
class StoredValue:
    """A value of the KV store with what is known of it."""

    value: Any
    type: str
    description: str | None = None
    expires_at: datetime | None = None


class KeyValueStore(Protocol):
    """The KV store of one namespace. Expired keys are as if they were not there."""

    def get(self, key: str, *, inherit: bool = True) -> StoredValue | None:
        """Read a key here or, with `inherit`, in the nearest parent namespace that has it."""
        ...

    def set(self, key: str, value: Any, *, overwrite: bool = True, ttl: timedelta | None = None, description: str | None = None) -> None:
        """Write a key. Type follows from the value (str, number, bool, datetime, date, timedelta, else JSON).

        Raises:
            Invalid: the key's name is malformed, or it exists and must not be overwritten.
        """
        ...

    def delete(self, key: str) -> bool:
        """Delete a key; False when there was none."""
        ...

    def keys(self, prefix: str = "") -> Sequence[str]:
        """Names of the keys, sorted."""
        ...


class NamespaceFolder(Protocol):
    """The files of one namespace."""

    def list(self, patterns: Sequence[str] = ("**",), exclude: Sequence[str] = ()) -> Sequence[str]:
        """Paths (with a leading `/`) that match a glob, sorted."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Read a file."""
        ...

    def uri(self, path: str) -> str | None:
        """The storage URI of a file, None when it is not there."""
        ...

    def put(self, path: str, content: BinaryIO | bytes) -> str:
        """Store a file and return its URI."""
        ...

    def delete(self, path: str) -> bool:
        """Delete a file; False when there was none."""
        ...


class WorkingDirectory(Protocol):
    """The attempt's own directory: made on first use, removed afterwards (shared under a WorkingDirectory task)."""

    @property
    def path(self) -> Path:
        """Its absolute path."""
        ...

    def resolve(self, name: str) -> Path:
        """The path of a file in it.

        Raises:
            Invalid: absolute, or leading outside.
        """
        ...

    def find(self, patterns: Sequence[str]) -> Sequence[Path]:
        """Files that match the globs, sorted."""
        ...

    def write(self, name: str, content: bytes | IO[bytes]) -> Path:
        """Create a file in it, parent folders included."""
        ...


@dataclass(frozen=True, slots=True)
class TaskInfo:
    """Which task run this is."""

    tenant_id: str
    namespace: str
    flow_id: str
    flow_revision: int
    execution_id: str
    task_id: str
    task_run_id: str
    attempt: int
    value: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class EngineAccess:
    """What the few tasks that look at, or change, other executions need.

    Attributes:
        command: appends an `ExecutionInput` for an execution id to the inbox.
        toggle_trigger: enables or disables a trigger (tenant, namespace, flow, id); None where nothing runs triggers.
    """

    repository: Repository
    storage: Storage
    command: Callable[[str, Any], None]
    configuration: Mapping[str, Any] = field(default_factory=dict)
    toggle_trigger: Callable[[tuple[str, str, str, str], bool], None] | None = None


class RunContext(Protocol):
    """What a running task may touch."""

    info: TaskInfo

    @property
    def variables(self) -> Mapping[str, Any]:
        """The root of the context for expressions."""
        ...

    @property
    def logger(self) -> Logger:
        """The attempt's log."""
        ...

    @property
    def files(self) -> Files:
        """Internal storage."""
        ...

    @property
    def working_directory(self) -> WorkingDirectory:
        """The attempt's own directory."""
        ...

    @property
    def engine(self) -> EngineAccess:
        """For the few tasks that look at, or change, other executions."""
        ...

    def now(self) -> datetime:
        """The present moment, by the server's clock."""
        ...

    @overload
    def render(self, value: Property[T], extra: Mapping[str, Any] | None = None) -> T: ...
    @overload
    def render(self, value: str, extra: Mapping[str, Any] | None = None) -> str: ...
    @overload
    def render(self, value: None, extra: Mapping[str, Any] | None = None) -> None: ...

    def render(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """Render a Property to its type, text to text, a map or list item by item; `extra` adds root variables."""
        ...

    def render_typed(self, value: Any, extra: Mapping[str, Any] | None = None) -> Any:
        """Render, keeping native types where a whole text is one expression."""
        ...

    def counter(self, name: str, value: float = 1, **tags: str) -> None:
        """Count something."""
        ...

    def timer(self, name: str, seconds: float, **tags: str) -> None:
        """Measure a duration."""
        ...

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Measure a level."""
        ...

    def key_values(self, namespace: str | None = None) -> KeyValueStore:
        """The KV store of a namespace (own by default)."""
        ...

    def namespace_files(self, namespace: str | None = None) -> NamespaceFolder:
        """The files of a namespace (own by default)."""
        ...

    def encrypt(self, text: str) -> Mapping[str, str]:
        """Encrypt text with the server's key, as an output `{type, value}` that the engine decrypts where it is used."""
        ...

    def mask(self, secret: str) -> None:
        """Replace this text by asterisks in the logs of this run from now on."""
        ...

    def on_kill(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `stop` (from another thread) if the attempt is killed or times out inside the block."""
        ...

    @property
    def is_killed(self) -> bool:
        """Whether the attempt should stop as soon as it can."""
        ...

    def sleep(self, duration: timedelta) -> None:
        """Wait; wakes up and raises when the attempt is killed."""
        ...

    def lines(self, uri: str) -> Iterator[bytes]:
        """Stream the lines of a stored file, without their line ends."""
        ...
