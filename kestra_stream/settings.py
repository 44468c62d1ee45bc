"""Settings: nested, one class for each room, read once at the door (the CLI) and handed on."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A group of settings; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class StorageSettings(Section):
    """Internal storage.

    Attributes:
        type: `local`, or the name of a storage that a plugin provides.
        root: folder of the local storage.
        options: what any other storage is opened with, by name.
    """

    type: str = "local"
    root: Path = Path(".storage")
    options: Mapping[str, Any] = Field(default_factory=dict)


class WorkerSettings(Section):
    """Workers.

    Attributes:
        slots: task runs at a time; user code runs in threads of its own.
        group: worker group that is served; None for tasks without a group.
        spill_bytes: an output value above this size goes to storage and travels as a URI.
        most_output_bytes: outputs above this size fail the task run.
    """

    slots: int = Field(default=16, ge=1)
    group: str | None = None
    spill_bytes: int = Field(default=64 * 1024, ge=1024)
    most_output_bytes: int = Field(default=200_000_000, ge=1)


class RepositorySettings(Section):
    """The repository: how many executions the memory repository keeps (the oldest ended ones go first)."""

    most_executions: int | None = Field(default=None, ge=1)


class LanguageSettings(Section):
    """What flows may see of the server.

    Attributes:
        globals_: `globals.*` in expressions.
        environment_prefix: environment variables with this prefix are `envs.*`, without it and in lower case.
        encryption_key: base64 of 32 bytes for SECRET inputs and encrypted outputs.
        plugin_defaults: defaults for every flow, under those of the flow: maps with `type`, `values` and `forced`.
        recursive_rendering: render until nothing changes any more.
        time_zone: the zone of dates that name none, as `Europe/Paris`.
        url: address of the UI, `kestra.url`.
    """

    globals_: Mapping[str, Any] = Field(default_factory=dict, alias="globals")
    environment_prefix: str = "ENV_"
    encryption_key: str | None = None
    plugin_defaults: tuple[Mapping[str, Any], ...] = ()
    recursive_rendering: bool = False
    time_zone: str = "UTC"
    url: str | None = None


class EngineSettings(Section):
    """The engine.

    Attributes:
        worker_timeout: how long a silent worker is believed to live.
        heartbeat: how often a worker tells that it lives.
        most_loop_values: values that a ForEach may go through; each costs some 5 kB while its execution lives.
    """

    worker_timeout: timedelta = timedelta(seconds=45)
    heartbeat: timedelta = timedelta(seconds=3)
    most_loop_values: int = Field(default=500_000, ge=1)


class Settings(Section):
    """All settings of a process."""

    storage: StorageSettings = StorageSettings()
    worker: WorkerSettings = WorkerSettings()
    repository: RepositorySettings = RepositorySettings()
    language: LanguageSettings = LanguageSettings()
    engine: EngineSettings = EngineSettings()
