"""What the client raises -> an error of ours that names the setting and the remedy. No message carries a key, a token or a signed address.

Unavailable: no answer, or one that may be another the next time. Invalid: settings or names are wrong, nothing changes by itself.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3.exceptions import HTTPError, MaxRetryError, NameResolutionError, NewConnectionError, ProxyError, SSLError

from kestra_stream.errors import Invalid, InvalidUri, KestraError, NotFound, Unavailable
from kestra_stream.storage.s3.place import Place

ABSENT = frozenset({"NoSuchKey", "NoSuchObject", "ObjectParentIsFile", "XMinioObjectExistsAsDirectory"})
_TRANSIENT = frozenset(
    {
        "BandwidthLimitExceeded",
        "InternalError",
        "NoSuchUpload",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "SlowDownRead",
        "SlowDownWrite",
        "ThrottlingException",
        "TooManyRequests",
        "XMinioServerNotInitialized",
    }
)
_FULL = frozenset({"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage"})
FOLDER_OR_FILE = frozenset(
    {
        "ExistingObjectIsDirectory",
        "ObjectExistsAsDirectory",
        "ObjectParentIsFile",
        "XMinioObjectExistsAsDirectory",
        "XMinioParentIsObject",
    }
)
_WRONG_REGION = frozenset({"AuthorizationHeaderMalformed", "PermanentRedirect", "Redirect", "IllegalLocationConstraintException"})
_OLD_TOKEN = frozenset({"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException"})
_SERVER_ERROR = 500
_TOO_MANY = 429


class Refused(Invalid):
    """The storage answers, and what it was given is wrong."""


@contextmanager
def translated(place: Place, uri: str = "") -> Generator[None]:
    """Inside the block: errors of the client become ours. Those of the caller's own streams stay as they are."""
    try:
        yield
    except KestraError:
        raise
    except (MinioException, HTTPError, ParseError, ValueError) as error:
        # "from None": the client's error may print the address that it called
        raise explained(error, place, uri) from None


def explained(error: Exception, place: Place, uri: str = "") -> KestraError:
    """Return the error to raise in the place of a client's."""
    match error:
        case S3Error():
            return _answered(error, place, uri)
        case HTTPError():
            return _unanswered(error, place)
        case ServerError():
            return _status(error.status_code, place)
        case InvalidResponseError():
            return _status(int(vars(error)["_code"]), place)
        case _:
            return Unavailable(f"The storage at {place.address} gave an answer that is none of S3; {_look_at_address(place)}")


def _answered(error: S3Error, place: Place, uri: str) -> KestraError:
    code = error.code or ""
    explain = _EXPLAINED.get(code)
    if explain is not None:
        return Refused(explain(place))
    if code in ABSENT and uri and code not in FOLDER_OR_FILE:
        return NotFound(f"there is no file at {uri}")
    if code in FOLDER_OR_FILE:
        return InvalidUri(f"{uri} is a folder, or lies below a file")
    if code in _OLD_TOKEN:
        return _old_token(place)
    if code in _WRONG_REGION:
        return Refused(_wrong_region(error, place))
    if code in _FULL:
        return Unavailable(f"The storage at {place.address} is full ({code}); free space, or raise the quota of the bucket {place.bucket}")
    status = error.response.status
    if code in _TRANSIENT or status >= _SERVER_ERROR or status == _TOO_MANY:
        return Unavailable(f"The storage at {place.address} cannot answer now ({code}: {error.message})")
    return Refused(f"The storage at {place.address} refuses {uri or f'the bucket {place.bucket}'} ({code}: {error.message})")


def _unanswered(error: HTTPError, place: Place) -> KestraError:
    reason = error.reason if isinstance(error, MaxRetryError) and error.reason is not None else error
    match reason:
        case SSLError():
            return Refused(
                f"The TLS certificate of the storage at {place.address} is not accepted ({_short(reason)}); set {place.setting('ca-file')} "
                "to the certificate of the authority that signed it, or use http if it has none"
            )
        case ProxyError():
            return Unavailable(f"The proxy on the way to the storage at {place.address} does not answer; check {place.setting('proxy')}")
        case NameResolutionError():
            return Unavailable(f"The name of the storage at {place.address} is not known; {_look_at_address(place)}")
        case NewConnectionError():
            return Unavailable(f"The storage at {place.address} does not take connections; is it running? {_look_at_address(place)}")
        case _:
            return Unavailable(f"The storage at {place.address} does not answer ({type(reason).__name__}); {_look_at_address(place)}")


def _status(status: int, place: Place) -> KestraError:
    if status >= _SERVER_ERROR or status == _TOO_MANY:
        return Unavailable(f"The storage at {place.address} cannot answer now (HTTP status {status})")
    return Refused(f"What answers at {place.address} does not speak S3 (HTTP status {status}); {_look_at_address(place)}")


def _short(reason: Exception) -> str:
    return str(reason).split("] ", 1)[-1].split(" (_ssl.c", 1)[0][:200]


def _look_at_address(place: Place) -> str:
    names = ("endpoint", "port", "secure") if place.section.endswith("minio") else ("endpoint",)
    return f"check {place.setting(*names)}"


def _keys(place: Place) -> str:
    if place.has_keys:
        return f"check {place.setting('access-key', 'secret-key')}"
    return f"check the environment's credentials, or set {place.setting('access-key', 'secret-key')}"


def _unknown_key(place: Place) -> str:
    return f"The storage at {place.address} does not know the access key; {_keys(place)}"


def _old_token(place: Place) -> KestraError:
    if place.has_keys:
        return Refused(f"The session token for the storage at {place.address} has expired; set a new {place.setting('session-token')}")
    return Unavailable(f"The credentials for the storage at {place.address} have just expired")


def _wrong_region(error: S3Error, place: Place) -> str:
    found = error.response.headers.get("x-amz-bucket-region")
    remedy = f"set {place.setting('region')} to {found}" if found else f"check {place.setting('region')} ({error.message})"
    return f"The bucket {place.bucket} is in another region; {remedy}"


_EXPLAINED: Mapping[str, Callable[[Place], str]] = {
    "NoSuchBucket": lambda place: (
        f"The bucket {place.bucket} is not there at {place.address}; create it, set {place.setting('create-bucket')} to true, or check "
        f"{place.setting('bucket')}"
    ),
    "InvalidBucketName": lambda place: f"{place.bucket!r} is no name of a bucket; check {place.setting('bucket')}",
    "InvalidAccessKeyId": _unknown_key,
    "XAdminUserNotFound": _unknown_key,
    "InvalidToken": lambda place: f"The storage at {place.address} does not accept the session token; {_keys(place)}",
    "SignatureDoesNotMatch": lambda place: (
        f"The storage at {place.address} does not accept the secret key; {_keys(place)} (a proxy that changes headers has the same effect)"
    ),
    "AccessDenied": lambda place: (
        f"The storage at {place.address} does not let these credentials use the bucket {place.bucket} below its prefix; allow them "
        f"s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket and s3:AbortMultipartUpload, or {_keys(place)}"
    ),
    "RequestTimeTooSkewed": lambda place: (
        f"The clock of this machine and that of the storage at {place.address} are more than 15 minutes apart; set both by NTP"
    ),
    "MetadataTooLarge": lambda _: "the metadata is more than S3 keeps with a file: shorten the description or the labels",
    "KeyTooLongError": lambda _: "the name is longer than S3 allows",
    "EntityTooLarge": lambda place: f"the file is larger than the storage at {place.address} takes",
}
