"""Values that are too big for a message: stored whole, apart from what belongs to tenants; the record that travels carries the claim."""

import re
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex

from kestra_stream.errors import InvalidUri
from kestra_stream.storage.interface import Storage
from kestra_stream.storage.uri import build, message_file, parse

TENANT = "_engine"
FOLDER = build("_messages", folder=True)
_CLAIM = re.compile(r"kestra:///_messages/\d{4}-\d\d-\d\d-[0-9a-f]{32}\.json")


class OversizeValues:
    """Takes values of records in, and gives them out to whoever reads the record.

    Args:
        storage: where they lie.
        now: the moment, for the day in their names.
    """

    def __init__(self, storage: Storage, now: Callable[[], datetime]) -> None:
        self._storage = storage
        self._now = now

    def deposit(self, content: bytes) -> str:
        """Store a value; return the claim to it."""
        return self._storage.put(TENANT, message_file(f"{self._now():%Y-%m-%d}-{token_hex(16)}.json"), content)

    def redeem(self, claim: str) -> bytes:
        """Return a stored value.

        Raises:
            InvalidUri: the claim names something else: a record may come from anybody.
            NotFound: it is gone.
            Unavailable: the storage does not answer.
        """
        if not _CLAIM.fullmatch(claim):
            parse(claim)
            raise InvalidUri(f"{claim!r} names no value that was stored for being too big for a message")
        with self._storage.get(TENANT, claim) as file:
            return file.read()
