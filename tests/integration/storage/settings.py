"""Settings for a bucket of the tests' server."""

from datetime import timedelta

from pydantic import SecretStr

from kestra_stream.settings import MinioSettings, RetrySettings, S3Settings
from tests.services.s3 import S3

HASTY = RetrySettings(attempts=3, delay=timedelta(milliseconds=1))
"""Tries that a test can wait for."""


def minio_settings(s3: S3, bucket: str, /, **others: object) -> MinioSettings:
    """Return the settings of a `minio` storage."""
    return MinioSettings.model_validate({"endpoint": s3.url, **_keys(s3), "bucket": bucket} | others)


def s3_settings(s3: S3, bucket: str, /, **others: object) -> S3Settings:
    """Return the settings of an `s3` storage."""
    return S3Settings.model_validate({"endpoint": s3.url, **_keys(s3), "bucket": bucket} | others)


def _keys(s3: S3) -> dict[str, object]:
    return {"access_key": SecretStr(s3.access_key), "secret_key": SecretStr(s3.secret_key), "region": s3.region}


def storage_section(s3: S3, bucket: str, /, **others: object) -> dict[str, object]:
    """Return what a settings file says under `kestra.storage` for a bucket."""
    keys = {"access-key": s3.access_key, "secret-key": s3.secret_key, "region": s3.region}
    return {"type": "minio", "minio": {"endpoint": s3.url, **keys, "bucket": bucket, **others}}
