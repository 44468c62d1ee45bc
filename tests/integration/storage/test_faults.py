"""A server that is slow, cuts, loses answers or refuses: what was asked for happens whole, or an error of ours says why it did not."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event
from unittest.mock import patch

import pytest

from kestra_stream.errors import Invalid, KestraError, Unavailable
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.s3 import open_minio
from kestra_stream.storage.s3.storage import S3Storage
from kestra_stream.testing.contracts.storage_at_scale import LARGE, assert_is_stream, stream
from tests.integration.storage.fault_proxy import Answer, Cut, LostAnswer, Proxy, Silence, proxy
from tests.integration.storage.settings import HASTY, minio_settings
from tests.services.s3 import S3

FILE = "kestra:///company/file"


@pytest.fixture
def between(s3: S3) -> Iterator[Proxy]:
    with proxy(s3.url) as between:
        yield between


@pytest.fixture
def storage(s3: S3, bucket: str, between: Proxy) -> Iterator[S3Storage]:
    storage = open_minio(minio_settings(replace(s3, url=between.url), bucket, read_timeout=1), HASTY)
    between.faults.requests.clear()
    yield storage
    between.faults.heal()
    left = storage.remove_unfinished(datetime.now(UTC) + timedelta(hours=1))
    storage.close()
    assert left == 0, "an upload was neither completed nor aborted"


def content(storage: Storage) -> bytes:
    with storage.get("main", FILE) as file:
        return file.read()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_errors_that_pass_are_waited_for(storage: S3Storage, between: Proxy, status: int) -> None:
    """Every verb is tried again, as often as the settings say."""
    for method in ("PUT", "GET", "HEAD", "DELETE"):
        between.faults.plan(Answer(status, "SlowDown"), method=method, times=2)
    storage.put("main", FILE, b"hello")
    assert content(storage) == b"hello"
    assert storage.delete("main", FILE) == 1
    assert between.faults.count("PUT") == 3


def test_an_error_that_stays_is_told_after_as_many_tries_as_are_set(storage: S3Storage, between: Proxy) -> None:
    between.faults.plan(Answer(503, "SlowDown"))
    with pytest.raises(Unavailable, match=r"cannot answer now \(SlowDown: as the test wants\)"):
        storage.put("main", FILE, b"hello")
    assert between.faults.count("PUT") == HASTY.attempts
    between.faults.heal()
    assert storage.attributes("main", FILE) is None


def test_a_server_that_says_nothing_is_left_after_its_time(storage: S3Storage, between: Proxy) -> None:
    over = Event()
    between.faults.plan(Silence(over))
    with pytest.raises(Unavailable, match="does not answer") as failed:
        storage.get("main", FILE)
    over.set()
    assert "kestra.storage.minio.endpoint" in str(failed.value)


@pytest.mark.parametrize("after", [0, 1, 6_000_000])
def test_a_read_that_breaks_goes_on_where_it_broke(storage: S3Storage, between: Proxy, after: int) -> None:
    storage.put("main", FILE, stream(LARGE))
    between.faults.plan(Cut(after), method="GET", times=3)
    with storage.get("main", FILE) as file:
        assert_is_stream(file, 0, LARGE)


def test_a_range_that_breaks_ends_where_it_should(storage: S3Storage, between: Proxy) -> None:
    storage.put("main", FILE, stream(LARGE))
    between.faults.plan(Cut(1_000_000), method="GET", times=1)
    with storage.get("main", FILE, 5, 9_000_000) as file:
        assert_is_stream(file, 5, 9_000_000)


def test_a_read_is_never_a_mixture_of_two_files(storage: S3Storage, between: Proxy) -> None:
    """When the file has another content by the time that the connection is made again, the reader is told."""
    storage.put("main", FILE, stream(LARGE))
    between.faults.plan(Cut(7_000_000), method="GET", times=1)
    with storage.get("main", FILE) as file:
        file.read(1000)
        storage.put("main", FILE, b"x" * LARGE)
        with pytest.raises(Unavailable, match="has changed since"):
            file.read()


def test_an_upload_whose_parts_fail_leaves_nothing(storage: S3Storage, between: Proxy) -> None:
    """The fixture looks for uploads that were left."""
    between.faults.plan(Answer(500, "InternalError"), method="PUT", part="partNumber=3")
    with pytest.raises(Unavailable):
        storage.put("main", FILE, stream(LARGE))
    assert storage.attributes("main", FILE) is None


@pytest.mark.parametrize(("method", "part"), [("PUT", ""), ("PUT", "partNumber=2"), ("POST", "uploads")])
def test_an_answer_that_is_lost_is_asked_for_again(storage: S3Storage, between: Proxy, method: str, part: str) -> None:
    between.faults.plan(LostAnswer(), method=method, part=part, times=1)
    storage.put("main", FILE, stream(LARGE))
    with storage.get("main", FILE) as file:
        assert_is_stream(file, 0, LARGE)
    # begun twice, when the answer to the beginning was lost: found by its age
    storage.remove_unfinished(datetime.now(UTC) + timedelta(hours=1))


def test_a_lost_answer_to_the_last_request_leaves_the_whole_file_or_an_error(storage: S3Storage, between: Proxy) -> None:
    between.faults.plan(LostAnswer(), method="POST", part="uploadId", times=1)
    try:
        storage.put("main", FILE, stream(LARGE))
    except Unavailable:
        assert storage.attributes("main", FILE) is None or content(storage)
    with storage.get("main", FILE) as file:
        assert_is_stream(file, 0, LARGE)


def test_a_deleted_folder_that_fails_in_the_middle_is_deleted_by_the_next_call(storage: S3Storage, between: Proxy) -> None:
    for number in range(5):
        storage.put("main", f"{FILE}/{number}", b"")
    between.faults.plan(Answer(503, "SlowDown"), method="POST", part="delete")
    with pytest.raises(Unavailable):
        storage.delete("main", FILE)
    between.faults.heal()
    assert storage.delete("main", FILE) == 5


@pytest.mark.parametrize(
    ("fault", "kind", "said"),
    [
        (Answer(403, "RequestTimeTooSkewed"), Invalid, "clock of this machine"),
        (Answer(403, "AccessDenied"), Invalid, "s3:PutObject"),
        (Answer(403, "InvalidAccessKeyId"), Invalid, r"kestra\.storage\.minio\.access-key and \.secret-key"),
        (Answer(403, "SignatureDoesNotMatch"), Invalid, "does not accept the secret key"),
        (Answer(400, "ExpiredToken"), Invalid, r"kestra\.storage\.minio\.session-token"),
        (Answer(404, "NoSuchBucket"), Invalid, r"create it, set kestra\.storage\.minio\.create-bucket to true"),
        (Answer(400, "AuthorizationHeaderMalformed"), Invalid, r"kestra\.storage\.minio\.region"),
        (Answer(507, "XMinioStorageFull"), Unavailable, "is full"),
        (Answer(404, "", "text/html"), Invalid, "does not speak S3"),
        (Answer(200, "", "text/html"), Unavailable, "none of S3"),
        (Answer(418, "Teapot"), Invalid, "Teapot: as the test wants"),
    ],
)
def test_a_refusal_names_the_setting_and_the_remedy(
    storage: S3Storage, between: Proxy, fault: Answer, kind: type[KestraError], said: str
) -> None:
    between.faults.plan(fault)
    with pytest.raises(kind, match=said):
        list(storage.list("main", "kestra:///"))


def test_a_file_above_the_limit_of_one_request_is_moved_in_parts(storage: S3Storage, between: Proxy) -> None:
    """The limit is 5 GiB; here it is 6 MiB."""
    storage.put("main", FILE, stream(LARGE), {"who": "Ada"})
    with patch("minio.api.MAX_PART_SIZE", 6 * 1024 * 1024):
        storage.move("main", FILE, f"{FILE}-moved")
    assert between.faults.count("PUT", "-moved?partNumber=") == -(-LARGE // (6 * 1024 * 1024))
    assert storage.attributes("main", FILE) is None
    found = storage.attributes("main", f"{FILE}-moved")
    assert found is not None
    assert (found.size, found.metadata) == (LARGE, {"who": "Ada"})
    with storage.get("main", f"{FILE}-moved") as file:
        assert_is_stream(file, 0, LARGE)


@pytest.mark.parametrize("limit", [5 * 1024 * 1024 * 1024, 6 * 1024 * 1024], ids=["one request", "parts"])
def test_a_move_whose_copy_fails_in_the_middle_of_its_answer_keeps_the_file(storage: S3Storage, between: Proxy, limit: int) -> None:
    """A server answers a long copy with 200 at once, and tells the error in the body."""
    storage.put("main", FILE, stream(LARGE))
    for method in ("PUT", "POST"):
        between.faults.plan(Answer(200, "InternalError"), method=method, part="-moved", times=100)
    with patch("minio.api.MAX_PART_SIZE", limit), pytest.raises(Unavailable):
        storage.move("main", FILE, f"{FILE}-moved")
    with storage.get("main", FILE) as file:
        assert_is_stream(file, 0, LARGE)
