"""Settings of the internal storage."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import ByteSize, Field, SecretStr

from kestra_stream.settings.section import Duration, Section


class LocalStorageSettings(Section):
    """Files of this machine.

    Attributes:
        base_path: folder that everything lies in.
    """

    base_path: Path = Path(".storage")


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
    part_size: ByteSize = Field(default=ByteSize(5 * 1024 * 1024), ge=5 * 1024 * 1024)
    parallel_parts: int = Field(default=4, ge=1, le=64)
    ca_file: Path | None = None
    verify_tls: bool = True
    proxy: str | None = Field(default=None, repr=False)
    connect_timeout: Duration = timedelta(seconds=5)
    read_timeout: Duration = timedelta(seconds=30)


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
    sts_role_session_duration: Duration = Field(default=timedelta(minutes=15), ge=timedelta(minutes=15), le=timedelta(hours=12))
    sts_endpoint_override: str | None = None
    sts_web_identity_token_file: Path | None = None


class MinioSettings(BucketSettings):
    """MinIO.

    Attributes:
        endpoint: name of its host; a whole address (`http://host:9000`) is understood too.
        port: its port.
        secure: whether it is spoken to over TLS.
        vhost: the bucket stands in the name of the host.
    """

    endpoint: str | None = None
    port: int | None = Field(default=9000, ge=1, le=65535)
    secure: bool = False
    vhost: bool = False
    create_bucket: bool = True


class CleanupSettings(Section):
    """Files that nothing names any more (docs/storage.md).

    Attributes:
        enabled: whether servers look for them.
        interval: from one sweep to the next, whichever server does it.
        age: younger files are left alone; a result that waits longer than this to be read may lose its big values.
    """

    enabled: bool = True
    interval: Duration = timedelta(hours=12)
    age: Duration = timedelta(days=1)


class StorageSettings(Section):
    """Internal storage.

    Attributes:
        type: `local`, `s3`, `minio`, or the name of a storage that a plugin provides.
        options: what the storage of a plugin is opened with, by name.
    """

    type: str = "local"
    local: LocalStorageSettings = LocalStorageSettings()
    s3: S3Settings = S3Settings()
    minio: MinioSettings = MinioSettings()
    cleanup: CleanupSettings = CleanupSettings()
    options: Mapping[str, Any] = Field(default_factory=dict, repr=False)
