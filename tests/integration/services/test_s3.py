"""The S3-compatible server of tests/services: shared by a run, or one's own and put through everything that can happen to one."""

import io
import re

import pytest
from minio import Minio
from minio.error import S3Error
from urllib3 import PoolManager, Retry, Timeout
from urllib3.exceptions import MaxRetryError

from tests.services.errors import ServiceError
from tests.services.fixtures import given_s3
from tests.services.s3 import S3, S3Server


def write(client: Minio, bucket: str, name: str, content: bytes) -> None:
    client.put_object(bucket, name, io.BytesIO(content), len(content), metadata={"colour": "blue"})


def read(client: Minio, bucket: str, name: str) -> bytes:
    with client.get_object(bucket, name) as found:
        return found.read()


def test_the_server_of_the_run_stores_objects_with_metadata(s3: S3, bucket: str) -> None:
    client = s3.client()
    write(client, bucket, "a/b", b"content")
    assert read(client, bucket, "a/b") == b"content"
    assert (client.stat_object(bucket, "a/b").metadata or {})["x-amz-meta-colour"] == "blue"
    assert [each.object_name for each in client.list_objects(bucket, recursive=True)] == ["a/b"]


def test_wrong_keys_are_refused(s3: S3, bucket: str) -> None:
    with pytest.raises(S3Error) as error:
        list(S3(s3.url, s3.access_key, "wrong").client().list_objects(bucket))
    assert error.value.code == "SignatureDoesNotMatch"


def test_what_was_stored_is_there_after_a_kill_and_a_restart(s3_server: S3Server) -> None:
    client = s3_server.address.client()
    with s3_server.address.bucket() as bucket:
        write(client, bucket, "a", b"content")
        s3_server.kill()
        s3_server.start()
        assert read(client, bucket, "a") == b"content"
        s3_server.restart()
        assert read(client, bucket, "a") == b"content"


def test_a_frozen_server_does_not_answer_until_it_goes_on(s3_server: S3Server) -> None:
    client = s3_server.address.client()
    with s3_server.address.bucket() as bucket:
        write(client, bucket, "a", b"content")
        s3_server.pause()
        impatient = PoolManager(timeout=Timeout(0.5), retries=Retry(0))
        with pytest.raises(MaxRetryError):
            impatient.request("GET", s3_server.address.url)
        impatient.clear()
        s3_server.resume()
        assert read(client, bucket, "a") == b"content"


def test_a_server_that_is_given_needs_its_keys() -> None:
    given = {"KESTRA_STREAM_TEST_S3": "http://127.0.0.1:9000", "KESTRA_STREAM_TEST_S3_ACCESS_KEY": "a"}
    with pytest.raises(ServiceError, match=re.escape("without 'KESTRA_STREAM_TEST_S3_SECRET_KEY'")):
        given_s3(given)
    assert given_s3({**given, "KESTRA_STREAM_TEST_S3_SECRET_KEY": "b"}) == S3("http://127.0.0.1:9000", "a", "b", "us-east-1")
