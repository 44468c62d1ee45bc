"""Values that are too big for a message: stored whole, apart from what belongs to tenants; the record that travels carries the claim."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from secrets import token_hex

from kestra_stream.errors import Invalid, InvalidUri, NotFound, Unavailable
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.uri import build, message_file, parse

TENANT = "_engine"
FOLDER = build("_messages", folder=True)
_CLAIM = re.compile(r"kestra:///_messages/[A-Za-z0-9_-][A-Za-z0-9._-]*/\d{4}-\d\d-\d\d-[0-9a-f]{32}\.json")


class OversizeValues:
    """Takes values of records in, and gives them out to whoever reads the record.

    Args:
        storage: where they lie.
        now: the moment, for the day in their names.
        prefix: of the names of topics; they lie in folders named by the topics without it.
    """

    def __init__(self, storage: Storage, now: Callable[[], datetime], prefix: str = "") -> None:
        self._storage = storage
        self._now = now
        self._prefix = prefix

    def deposit(self, content: bytes, topic: str) -> str:
        """Store a value of a record of a topic; return the claim to it.

        Raises:
            Unavailable: the storage does not answer, or does not let this process in: the record waits until it does.
        """
        name = f"{self._now():%Y-%m-%d}-{token_hex(16)}.json"
        with _patient("stored"):
            return self._storage.put(TENANT, message_file(topic.removeprefix(self._prefix), name), content)

    def redeem(self, claim: str) -> bytes:
        """Return a stored value.

        Raises:
            InvalidUri: the claim names something else: a record may come from anybody.
            NotFound: it is gone.
            Unavailable: the storage does not answer, or does not let this process in.
        """
        if not _CLAIM.fullmatch(claim):
            parse(claim)
            raise InvalidUri(f"{claim!r} names no value that was stored for being too big for a message")
        with _patient("read"), self._storage.get(TENANT, claim) as file:
            return file.read()


@contextmanager
def _patient(done: str) -> Generator[None, None, None]:
    """Whatever the storage refuses for, a record is neither lost nor poison for that: who waits for it hears why, and tries again."""
    try:
        yield
    except (InvalidUri, NotFound):
        raise
    except (Invalid, Unavailable, OSError) as error:
        raise Unavailable(f"a record that is too big for a message cannot be {done}: {error}") from error
