"""Settings: nested, one class for each room, read once at the door (the CLI) and handed on."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ByteSize, ConfigDict, Field, SecretStr


class Section(BaseModel):
    """A group of settings; unknown keys are faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BucketSettings(Section):
    """A bucket, whatever its server.

    Attributes:
        bucket: its name.
        path: what all names in it start with; several installations may share a bucket so.
        access_key, secret_key, session_token: who we are. Without them: the environment, a web identity or the role of this machine.
        region: where the bucket is; the server is asked when it is not set.
        create_bucket: whether a bucket that is not there is made at start.
        part_size: bytes of one part of a large file, at least 5 MiB; a file has at most 10,000 parts.
        parallel_parts: parts of one file that are on their way at once; each takes its size in memory.
        ca_file: certificates (PEM) of the authorities that are trusted instead of the usual ones.
        verify_tls: whether the server must show a certificate that is trusted.
        proxy: address of a proxy; without it those of the environment count (`HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`).
        connect_timeout, read_timeout: how long one try waits for a connection, and for each piece of an answer.
    """

    bucket: str | None = None
    path: str = ""
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    session_token: SecretStr | None = None
    region: str | None = None
    create_bucket: bool = False
    part_size: ByteSize = ByteSize(5 * 1024 * 1024)
    parallel_parts: int = Field(default=4, ge=1, le=64)
    ca_file: Path | None = None
    verify_tls: bool = True
    proxy: str | None = None
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=30)


class S3Settings(BucketSettings):
    """Amazon S3, or what speaks like it.

    Attributes:
        endpoint: address of the server, as `https://s3.example.com`; without it Amazon's.
        force_path_style: the bucket stands in the path, not in the name of the host; always so unless the server is Amazon's.
        sts_role_arn: a role that is taken, by the keys or by the token of a web identity.
        sts_role_external_id, sts_role_session_name, sts_role_session_duration: what is told when it is taken.
        sts_endpoint_override: who gives the role; without it Amazon's STS of the region.
        sts_web_identity_token_file: the token; without it `AWS_WEB_IDENTITY_TOKEN_FILE` counts.
    """

    endpoint: str | None = None
    force_path_style: bool = False
    sts_role_arn: str | None = None
    sts_role_external_id: str | None = None
    sts_role_session_name: str | None = None
    sts_role_session_duration: timedelta = timedelta(minutes=15)
    sts_endpoint_override: str | None = None
    sts_web_identity_token_file: Path | None = None


class MinioSettings(BucketSettings):
    """MinIO.

    Attributes:
        endpoint: name of its host; a whole address (`http://host:9000`) is understood too.
        secure: whether it is spoken to over TLS.
        vhost: the bucket stands in the name of the host.
    """

    endpoint: str | None = None
    port: int | None = Field(default=9000, ge=1, le=65535)
    secure: bool = False
    vhost: bool = False
    create_bucket: bool = True


class StorageSettings(Section):
    """Internal storage.

    Attributes:
        type: `local`, `s3`, `minio`, or the name of a storage that a plugin provides.
        root: folder of the local storage.
        options: what a plugin's storage is opened with, by name.
    """

    type: str = "local"
    root: Path = Path(".storage")
    s3: S3Settings = S3Settings()
    minio: MinioSettings = MinioSettings()
    options: Mapping[str, Any] = Field(default_factory=dict)


class RetrySettings(Section):
    """How often a request to a service is tried, and how long we wait in between: `delay`, then `multiplier` times more each time."""

    attempts: int = Field(default=5, ge=1)
    delay: timedelta = timedelta(seconds=1)
    multiplier: float = Field(default=2.0, ge=1)
    max_delay: timedelta = timedelta(seconds=30)


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
    retries: RetrySettings = RetrySettings()
    worker: WorkerSettings = WorkerSettings()
    repository: RepositorySettings = RepositorySettings()
    language: LanguageSettings = LanguageSettings()
    engine: EngineSettings = EngineSettings()
