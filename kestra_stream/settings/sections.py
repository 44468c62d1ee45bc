"""The sections of all settings but those of a backend, and the whole."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, field_validator

from kestra_stream.settings.kafka import KafkaSettings
from kestra_stream.settings.section import Duration, Section
from kestra_stream.settings.storage import StorageSettings

_KEY_SIZES = (16, 24, 32)
_OFFSET = re.compile(r"Z|(UTC|GMT|UT)?([+-]\d{1,2}(:?\d{2})?)?")


class QueueSettings(Section):
    """The log and the work queue.

    Attributes:
        type: `memory` for all in one process, `kafka` for processes that share the work.
    """

    type: Literal["memory", "kafka"] = "memory"


class RepositorySettings(Section):
    """The repository.

    Attributes:
        type: `memory`; left out for the Kafka family, which has none yet.
        most_executions: executions that the memory repository keeps; the oldest ended ones go first.
    """

    type: Literal["memory"] | None = None
    most_executions: int | None = Field(default=None, ge=1)


class RetrySettings(Section):
    """How often a request to a service is tried, and how long we wait in between.

    Attributes:
        attempts: tries in all.
        delay: the first wait.
        multiplier: how many times longer each wait is than the one before.
        max_delay: the longest wait.
    """

    attempts: int = Field(default=5, ge=1)
    delay: Duration = timedelta(seconds=1)
    multiplier: float = Field(default=2.0, ge=1)
    max_delay: Duration = timedelta(seconds=30)


class LivenessSettings(Section):
    """Signs of life.

    Attributes:
        heartbeat_interval: how often a worker tells that it lives.
        timeout: how long a silent worker is believed to live.
        step_timeout: how long one step of a loop may take before the process counts as hanging.
    """

    heartbeat_interval: Duration = timedelta(seconds=3)
    timeout: Duration = timedelta(seconds=30)
    step_timeout: Duration = timedelta(minutes=5)


class ServerSettings(Section):
    """A process that runs as a server.

    Attributes:
        host: address that the management port listens on.
        port: management port: health and metrics; 0 for any free one.
        termination_grace_period: how long running tasks have to end when the process is told to stop.
    """

    host: str = "0.0.0.0"  # noqa: S104 - probes and scrapers come from other machines
    port: int = Field(default=8081, ge=0, le=65535)
    termination_grace_period: Duration = timedelta(minutes=5)
    liveness: LivenessSettings = LivenessSettings()


class WorkerSettings(Section):
    """Workers.

    Attributes:
        slots: task runs at a time; user code runs in threads of its own.
        group: worker group that is served; none for tasks without a group.
        spill_bytes: an output value above this size goes to storage and travels as a URI.
        most_output_bytes: outputs above this size fail the task run.
    """

    slots: int = Field(default=16, ge=1)
    group: str | None = None
    spill_bytes: int = Field(default=64 * 1024, ge=1024)
    most_output_bytes: int = Field(default=200_000_000, ge=1)


class VariableSettings(Section):
    """What expressions see of the server.

    Attributes:
        globals_: `globals.*` in expressions.
        env_vars_prefix: environment variables with this prefix are `envs.*`, without it and in lower case.
        recursive_rendering: render until nothing changes any more.
    """

    globals_: Mapping[str, Any] = Field(default_factory=dict, alias="globals", repr=False)
    env_vars_prefix: str = "ENV_"
    recursive_rendering: bool = False


class EncryptionSettings(Section):
    """Encryption.

    Attributes:
        secret_key: base64 of 32 bytes, for SECRET inputs and encrypted outputs.
    """

    secret_key: SecretStr | None = None

    @field_validator("secret_key")
    @classmethod
    def _is_a_key(cls, given: SecretStr | None) -> SecretStr | None:
        try:
            length = len(base64.b64decode(given.get_secret_value(), validate=True)) if given is not None else _KEY_SIZES[0]
        except binascii.Error:
            length = 0
        if length not in _KEY_SIZES:
            raise ValueError("must be base64 of 32 bytes, as `openssl rand -base64 32` prints them")
        return given


class PluginDefault(Section):
    """Defaults for one type.

    Attributes:
        type: type of a plugin, or the beginning of its name.
        values: properties and their values.
        forced: whether they win over what a flow says.
    """

    type: str
    values: Mapping[str, Any] = Field(default_factory=dict, repr=False)
    forced: bool = False


class PluginSettings(Section):
    """Plugins.

    Attributes:
        defaults: defaults for every flow, under those of the flow: `type`, `values` and `forced`.
    """

    defaults: tuple[PluginDefault, ...] = ()


class StateSettings(Section):
    """Where the state of live executions lies, on Kafka: its truth is the topic `executor_state`.

    Attributes:
        type: `memory`, or `disk` for state that outgrows it: a local copy, which a process that comes back goes on from.
        path: folder of the local copies.
        most_live_executions: executions that stay in memory beside the copies; who was idle the longest is read again when it is needed.
    """

    type: Literal["memory", "disk"] = "memory"
    path: Path = Path(".state")
    most_live_executions: int = Field(default=10_000, ge=1)


class EngineSettings(Section):
    """The engine.

    Attributes:
        most_loop_values: values that a ForEach may go through; each costs some 5 kB while its execution lives.
    """

    most_loop_values: int = Field(default=500_000, ge=1)
    state: StateSettings = StateSettings()


class Settings(Section):
    """All settings of a process: what stands below `kestra`.

    Attributes:
        url: address of the UI, `kestra.url` in expressions.
        time_zone: the zone of dates that name none, as `Europe/Paris`.
    """

    queue: QueueSettings = QueueSettings()
    repository: RepositorySettings = RepositorySettings()
    storage: StorageSettings = StorageSettings()
    retries: RetrySettings = RetrySettings()
    kafka: KafkaSettings = KafkaSettings()
    server: ServerSettings = ServerSettings()
    worker: WorkerSettings = WorkerSettings()
    variables: VariableSettings = VariableSettings()
    encryption: EncryptionSettings = EncryptionSettings()
    plugins: PluginSettings = PluginSettings()
    engine: EngineSettings = EngineSettings()
    url: str | None = None
    time_zone: str = "UTC"

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, given: str) -> str:
        try:
            return given if _OFFSET.fullmatch(given) else ZoneInfo(given).key
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(f"there is no time zone `{given}`; name one as Europe/Paris, or an offset as +02:00") from None

    @property
    def encryption_key(self) -> str | None:
        """The server's key as text; None without one."""
        return self.encryption.secret_key.get_secret_value() if self.encryption.secret_key is not None else None
