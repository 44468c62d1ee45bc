"""Storage in a bucket keeps what every storage promises, on a real server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from kestra_stream.storage.interface import Storage
from kestra_stream.storage.s3 import open_minio, open_s3
from kestra_stream.testing.contracts.storage import StorageContract
from tests.integration.storage.settings import minio_settings, s3_settings
from tests.services.s3 import S3

pytestmark = pytest.mark.slow


class TestMinioStorage(StorageContract):
    """Below a prefix of a bucket."""

    __test__ = True

    @pytest.fixture
    def storage(self, s3: S3, bucket: str) -> Iterator[Storage]:
        storage = open_minio(minio_settings(s3, bucket, path="/an installation/"))
        yield storage
        left = storage.remove_unfinished(datetime.now(UTC) + timedelta(hours=1))
        storage.close()
        assert left == 0, "an upload was neither completed nor aborted"


def test_s3_opens_the_same_bucket(s3: S3, bucket: str) -> None:
    """What one type of storage has written the other one reads: only their settings differ."""
    written, read = open_minio(minio_settings(s3, bucket)), open_s3(s3_settings(s3, bucket))
    written.put("main", "kestra:///a b/c", b"hello", {"Key": "välue"})
    with read.get("main", "kestra:///a b/c") as file:
        assert file.read() == b"hello"
    found = read.attributes("main", "kestra:///a b/c")
    assert found is not None
    assert found.metadata == {"Key": "välue"}
