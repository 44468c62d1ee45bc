"""RunContext of one attempt: everything is built when it is first touched, because most tasks touch next to nothing."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from kestra_stream.models.property import Property, has_expression
from kestra_stream.models.records import MetricEntry, MetricType
from kestra_stream.plugin.api import EngineAccess, TaskInfo
from kestra_stream.plugin.context.attempt_log import AttemptLog
from kestra_stream.plugin.context.control import Control
from kestra_stream.plugin.context.files import AttemptFiles
from kestra_stream.plugin.context.functions import IoFunctions
from kestra_stream.plugin.context.key_value import NamespaceKeyValues
from kestra_stream.plugin.context.namespace_folder import NamespaceFilesFolder
from kestra_stream.plugin.context.rendering import Rendering
from kestra_stream.plugin.context.services import Services
from kestra_stream.plugin.context.working_directory import AttemptDirectory


class AttemptContext:
    """Implements `api.RunContext`.

    Args:
        info: which attempt this is.
        services: what all attempts share.
        complete: builds the root of the variables, given a function that masks secrets.
        logger: the attempt's log; its masker is told every secret that is rendered.
        control: its stop switch.
        directory: a shared directory (under a WorkingDirectory task); by default the attempt gets its own.
    """

    def __init__(
        self,
        info: TaskInfo,
        services: Services,
        complete: Callable[[Callable[[str], None]], dict[str, object]],
        logger: AttemptLog,
        control: Control,
        directory: AttemptDirectory | None = None,
    ) -> None:
        self.info = info
        self.services = services
        self.logger = logger
        self.control = control
        self.metrics: list[MetricEntry] = []
        self._complete = complete
        self._own_directory: AttemptDirectory | None = None
        self._directory = directory
        self._files: AttemptFiles | None = None
        self._rendering: Rendering | None = None

    @property
    def engine(self) -> EngineAccess:
        """Repository, storage, inbox and configuration."""
        return self.services.engine

    @property
    def variables(self) -> Mapping[str, Any]:
        """The root of the context for expressions."""
        return self.rendering.variables

    @property
    def rendering(self) -> Rendering:
        """What renders for this attempt."""
        if self._rendering is None:
            self._rendering = Rendering(
                lambda: self._complete(self.mask), self._function_table, self.services, lambda: self.working_directory.path
            )
        return self._rendering

    def _function_table(self) -> dict[str, Callable[..., Any]]:
        return self.functions.table()

    @property
    def functions(self) -> IoFunctions:
        """The functions that need IO."""
        return IoFunctions(self.info, self.services, self.files, self.mask, self.control.on_stop)

    @property
    def files(self) -> AttemptFiles:
        """Internal storage, as this run may use it."""
        if self._files is None:
            may_read = self.services.may_read
            self._files = AttemptFiles(
                self.info, self.services.engine.storage, self._trigger, lambda other: may_read(self.info.namespace, other)
            )
        return self._files

    @property
    def working_directory(self) -> AttemptDirectory:
        """The attempt's directory, made on first use."""
        if self._directory is None:
            self._directory = self._own_directory = AttemptDirectory(self.services.directory_root)
        return self._directory

    def now(self) -> datetime:
        """The present moment, by the server's clock."""
        return self.services.now()

    def render(self, value: object, extra: Mapping[str, object] | None = None) -> Any:
        """Render a Property to its type, text to text, a map or list item by item."""
        if isinstance(value, Property):
            if value.is_constant:
                return value.render(_unchanged)
            return value.render(lambda raw: self.rendering.text(raw, extra))
        return self.rendering.text(value, extra) if has_expression(value) else value

    def render_typed(self, value: object, extra: Mapping[str, object] | None = None) -> Any:
        """Render, keeping native types where a whole text is one expression."""
        if isinstance(value, Property):
            return value.render(lambda raw: self.rendering.typed(raw, extra))
        return self.rendering.typed(value, extra) if has_expression(value) else value

    def counter(self, name: str, value: float = 1, **tags: str) -> None:
        """Count something."""
        self._measure(MetricType.COUNTER, name, value, tags)

    def timer(self, name: str, seconds: float, **tags: str) -> None:
        """Measure a duration."""
        self._measure(MetricType.TIMER, name, seconds, tags)

    def gauge(self, name: str, value: float, **tags: str) -> None:
        """Measure a level."""
        self._measure(MetricType.GAUGE, name, value, tags)

    def key_values(self, namespace: str | None = None) -> NamespaceKeyValues:
        """The KV store of a namespace (own by default)."""
        return NamespaceKeyValues(self.services.engine, self.info.tenant_id, namespace or self.info.namespace, self.services.now)

    def namespace_files(self, namespace: str | None = None) -> NamespaceFilesFolder:
        """The files of a namespace (own by default)."""
        return NamespaceFilesFolder(self.services.engine, self.info.tenant_id, namespace or self.info.namespace, self.services.now)

    def encrypt(self, text: str) -> Mapping[str, str]:
        """Encrypt text with the server's key."""
        return self.services.cipher.encrypt(text)

    def mask(self, secret: str) -> None:
        """Replace this text by asterisks in the logs of this run from now on."""
        self.logger.masker.add(secret)

    def on_kill(self, stop: Callable[[], None]) -> AbstractContextManager[None]:
        """Call `stop` (from another thread) if the attempt is killed or times out inside the block."""
        return self.control.on_stop(stop)

    @property
    def is_killed(self) -> bool:
        """Whether the attempt should stop as soon as it can."""
        return self.control.is_stopped

    def sleep(self, duration: timedelta) -> None:
        """Wait; wakes up and raises `Stopped` when the attempt is killed."""
        self.control.sleep(duration.total_seconds())

    def lines(self, uri: str) -> Iterator[bytes]:
        """Stream the lines of a stored file, without their line ends."""
        return self.files.lines(uri)

    def close(self) -> None:
        """Remove what the attempt has made for itself: its own directory, the file of its log."""
        if self._own_directory is not None:
            self._own_directory.remove()
        self.logger.close()
        # they refer back to this context: cut, so that reference counts free an attempt and the collector has nothing to do
        self._rendering = None
        self._files = None

    def _measure(self, kind: MetricType, name: str, value: float, tags: Mapping[str, str]) -> None:
        info = self.info
        self.metrics.append(
            MetricEntry(
                id=f"{info.task_run_id}-{info.attempt}-m{len(self.metrics):06d}",
                execution_id=info.execution_id,
                namespace=info.namespace,
                flow_id=info.flow_id,
                task_id=info.task_id,
                task_run_id=info.task_run_id,
                timestamp=self.services.now(),
                type=kind,
                name=name,
                value=float(value),
                tags=tags,
                tenant_id=info.tenant_id,
            )
        )

    def _trigger(self) -> Mapping[str, Any]:
        """Variables of what started the execution: from the job when it names them, else from the repository."""
        given = self.variables.get("trigger")
        if isinstance(given, Mapping) and "executionId" in given:
            return given
        execution = self.services.engine.repository.executions.get(self.info.execution_id)
        return execution.trigger.variables if execution is not None and execution.trigger is not None else {}


def _unchanged(value: object) -> Any:
    return value
