"""Names in a bucket: (tenant, path) <-> key of an object, and metadata <-> headers. Pure.

    {prefix}/{tenant}/{path}    a file; a folder is there as long as a key starts with its own and `/`

A key is what the path says, without any encoding. Headers are ASCII and lose the case of their names, so metadata travels as one
percent-encoded header; what another program has written as headers of its own is read too.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from urllib.parse import parse_qsl, quote, urlencode

from kestra_stream.errors import Invalid, InvalidUri
from kestra_stream.storage.uri import SCHEME, StoragePath, check_tenant

MOST_KEY = 1024
MOST_METADATA = 2000
_HEADER = "kestra"
_OWN = "x-amz-meta-"
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Keys:
    """Keys below one prefix of a bucket."""

    def __init__(self, prefix: str = "") -> None:
        bare = prefix.strip("/")
        self.prefix = f"{bare}/" if bare else ""

    def file(self, tenant: str, path: StoragePath) -> str:
        """The key of a file.

        Raises:
            InvalidUri: the tenant is no plain name, or the key is longer than S3 allows.
        """
        key = "/".join((self.prefix + check_tenant(tenant), *path.names))
        if len(key.encode()) > MOST_KEY:
            raise InvalidUri(f"{path.uri[:100]!r} is too long: with its prefix and tenant a name in S3 has at most {MOST_KEY} bytes")
        return key

    def folder(self, tenant: str, path: StoragePath) -> str:
        """What the keys of everything below a folder start with."""
        return f"{self.file(tenant, path)}/"

    def uri(self, tenant: str, key: str) -> str:
        """The address that a key stands for; not every key stands for one."""
        return f"{SCHEME}/{key.removeprefix(f'{self.prefix}{tenant}/')}"


def is_deletable_in_bulk(key: str) -> bool:
    """Whether a list in XML can name the key."""
    return _NOT_IN_XML.search(key) is None


def as_headers(metadata: Mapping[str, str] | None) -> dict[str, str | list[str] | tuple[str]] | None:
    """Return the header that carries the metadata; None for none.

    Raises:
        Invalid: it is more than S3 keeps with a file.
    """
    if not metadata:
        return None
    text = urlencode(metadata, quote_via=quote)
    if len(text) > MOST_METADATA:
        raise Invalid(f"the metadata has {len(text)} bytes, S3 keeps {MOST_METADATA} with a file: shorten the description or the labels")
    return {_HEADER: text}


def from_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata that the headers of an object carry."""
    own = {name[len(_OWN) :].lower(): value for name, value in headers.items() if name.lower().startswith(_OWN)}
    if _HEADER in own:
        return dict(parse_qsl(own[_HEADER], keep_blank_values=True))
    return own


class LazyMetadata(Mapping[str, str]):
    """Metadata that is asked for when somebody looks: a list of files does not carry it."""

    def __init__(self, fetch: Callable[[], Mapping[str, str]]) -> None:
        self._fetch = fetch

    @cached_property
    def _known(self) -> Mapping[str, str]:
        return self._fetch()

    def __getitem__(self, key: str) -> str:
        return self._known[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def __repr__(self) -> str:
        return f"LazyMetadata({dict(self._known)!r})"
