"""Settings -> an open storage; what is wrong with them is said here, before anything depends on it."""

from urllib.parse import urlsplit

from minio.helpers import check_bucket_name

from kestra_stream.errors import Invalid
from kestra_stream.settings import BucketSettings, MinioSettings, RetrySettings, S3Settings
from kestra_stream.storage.s3.client import S3Client
from kestra_stream.storage.s3.connection import pool_of
from kestra_stream.storage.s3.credentials import provider_of
from kestra_stream.storage.s3.keys import Keys
from kestra_stream.storage.s3.place import Place
from kestra_stream.storage.s3.storage import S3Storage
from kestra_stream.storage.s3.upload import LEAST_PART, Uploader

S3, MINIO = "kestra.storage.s3", "kestra.storage.minio"
_AMAZON = "https://s3.amazonaws.com"


def open_s3(settings: S3Settings, retries: RetrySettings | None = None) -> S3Storage:
    """Open a bucket of Amazon S3, or of a server that speaks like it.

    Raises:
        Invalid: the settings are incomplete or wrong; the message names them.
        Unavailable: the server does not answer.
    """
    address = _address(settings.endpoint or _AMAZON, S3, secure=True, port=None)
    is_amazon = settings.endpoint is None or ".amazonaws.com" in address
    return _opened(settings, retries, S3, address, virtual=is_amazon and not settings.force_path_style)


def open_minio(settings: MinioSettings, retries: RetrySettings | None = None) -> S3Storage:
    """Open a bucket of MinIO; raises as `open_s3` does."""
    if settings.endpoint is None:
        raise Invalid(f"{MINIO}.endpoint is not set; write the name of MinIO's host, as localhost")
    address = _address(settings.endpoint, MINIO, secure=settings.secure, port=settings.port)
    return _opened(settings, retries, MINIO, address, virtual=settings.vhost)


def _opened(settings: BucketSettings, retries: RetrySettings | None, section: str, address: str, *, virtual: bool) -> S3Storage:
    if not settings.bucket:
        raise Invalid(f"{section}.bucket is not set; write the name of the bucket for internal storage")
    try:
        check_bucket_name(settings.bucket, s3_check=section == S3)
    except ValueError as error:
        raise Invalid(f"{section}.bucket: {error}") from None
    place = Place(section, address, settings.bucket, settings.access_key is not None)
    client = _client(settings, retries or RetrySettings(), place, virtual=virtual)
    uploader = Uploader(client, settings.bucket, max(settings.part_size, LEAST_PART), settings.parallel_parts, place)
    storage = S3Storage(client, place, Keys(settings.path), uploader)
    storage.check(create=settings.create_bucket)
    return storage


def _client(settings: BucketSettings, retries: RetrySettings, place: Place, *, virtual: bool) -> S3Client:
    url = urlsplit(place.address)
    try:
        client = S3Client(
            url.netloc,
            secure=url.scheme == "https",
            region=settings.region,
            http_client=pool_of(settings, place.section, place.address, retries),
            credentials=provider_of(settings, place.section),
        )
    except ValueError as error:
        raise Invalid(f"{place.setting('endpoint', 'region')}: {error}") from None
    client.place_buckets(in_host=virtual)
    return client


def _address(endpoint: str, section: str, *, secure: bool, port: int | None) -> str:
    """Return `scheme://host[:port]`; an endpoint that is a whole address says all of it."""
    if "://" in endpoint:
        url = urlsplit(endpoint)
        if url.scheme not in {"http", "https"} or not url.hostname or url.path.strip("/") or url.query:
            raise Invalid(f"{section}.endpoint must be a host or an address as https://host:9000, without a path")
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
    if not endpoint or "/" in endpoint or "@" in endpoint:
        raise Invalid(f"{section}.endpoint must be a host or an address as https://host:9000, without a path")
    host = endpoint if port is None or ":" in endpoint else f"{endpoint}:{port}"
    return f"{'https' if secure else 'http'}://{host}"
