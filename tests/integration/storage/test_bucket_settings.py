"""Settings of a bucket have their effect: seen by the server, by a proxy on the way, and by whoever gives roles."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from urllib3 import HTTPConnectionPool

from kestra_stream.errors import KestraError
from kestra_stream.settings import MinioSettings, RetrySettings, S3Settings
from kestra_stream.storage.s3 import open_minio, open_s3
from kestra_stream.storage.s3.connection import pool_of, tries_of
from tests.integration.storage.settings import HASTY, minio_settings, s3_settings
from tests.integration.storage.test_door import giving
from tests.services.s3 import S3

MEGABYTE = 1_000_000


def test_a_large_file_is_sent_in_parts_of_the_size_that_is_set(s3: S3, bucket: str) -> None:
    storage = open_minio(minio_settings(s3, bucket, part_size="6MB", parallel_parts=2))
    storage.put("main", "kestra:///large", b"x" * 13 * MEGABYTE)
    (stored,) = s3.client().list_objects(bucket, recursive=True)
    assert (stored.etag or "").strip('"').endswith("-3")


@pytest.mark.parametrize(
    "others",
    [{"part_size": "1MB"}, {"parallel_parts": 0}, {"connect_timeout": 0}, {"read_timeout": "0s"}, {"sts_role_session_duration": "5m"}],
)
def test_numbers_that_cannot_be_are_refused(others: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="greater than"):
        S3Settings.model_validate(others)


def test_tries_wait_as_the_settings_say() -> None:
    tries = tries_of(RetrySettings(attempts=5, delay=timedelta(seconds=1), multiplier=3.0, max_delay=timedelta(seconds=8)))
    waits = []
    for _ in range(4):
        tries = tries.increment("GET", "/", error=OSError("away"), _pool=HTTPConnectionPool("localhost"))
        waits.append(tries.get_backoff_time())
    assert waits == [1, 3, 8, 8]
    assert tries.total == 0


def test_one_try_waits_for_a_connection_and_an_answer_as_long_as_is_set() -> None:
    settings = MinioSettings(connect_timeout=timedelta(seconds=2), read_timeout=timedelta(seconds=7))
    timeout = pool_of(settings, "kestra.storage.minio", "http://localhost:9000", RetrySettings()).connection_pool_kw["timeout"]
    assert (timeout.connect_timeout, timeout.read_timeout) == (2, 7)


@pytest.mark.parametrize(
    ("section", "others", "host", "path"),
    [
        ("s3", {"force_path_style": False}, "files.s3.eu-west-1.amazonaws.com", "/"),
        ("s3", {"force_path_style": True}, "s3.eu-west-1.amazonaws.com", "/files"),
        ("minio", {"vhost": True}, "files.minio.test:9000", "/"),
        ("minio", {"vhost": False, "port": 9001}, "minio.test:9001", "/files"),
    ],
)
def test_the_bucket_stands_where_it_is_to_stand(section: str, others: dict[str, object], host: str, path: str, s3: S3) -> None:
    amazon = {"endpoint": "http://s3.eu-west-1.amazonaws.com", "region": "eu-west-1"}
    opened: dict[str, Callable[[str], object]] = {
        "s3": lambda proxy: open_s3(s3_settings(s3, "files", **amazon, proxy=proxy, **others), HASTY),
        "minio": lambda proxy: open_minio(minio_settings(s3, "files", endpoint="minio.test", proxy=proxy, **others), HASTY),
    }
    with giving(404, "text/plain", "no") as (address, asked), pytest.raises(KestraError):
        opened[section](address)
    url = urlsplit(asked[0].split(" ")[1])
    assert (url.netloc, url.path) == (host, path)


@pytest.mark.parametrize("has_keys", [True, False])
def test_a_role_is_asked_for_with_what_is_set(has_keys: bool, s3: S3, tmp_path: Path) -> None:  # noqa: FBT001 - both ways
    (tmp_path / "token").write_text("a token", encoding="utf-8")
    who = {} if has_keys else {"access_key": None, "secret_key": None, "sts_web_identity_token_file": tmp_path / "token"}
    role = {"sts_role_arn": "arn:aws:iam::1:role/kestra", "sts_role_session_name": "our-session", "sts_role_external_id": "our-id"}
    with giving(403, "text/xml", "<no/>") as (address, asked), pytest.raises(KestraError):
        open_s3(s3_settings(s3, "files", **who, **role, sts_role_session_duration="20m", sts_endpoint_override=address), HASTY)
    told = parse_qs(asked[1])
    wanted = {"RoleSessionName": ["our-session"], "DurationSeconds": ["1200"], "ExternalId": ["our-id"] if has_keys else None}
    assert {name: told.get(name) for name in wanted} == wanted
