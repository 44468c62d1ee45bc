"""New ids for what comes from outside and has no parent to be derived from. An id tells when it was made."""

import secrets
import time
from datetime import UTC, datetime, timedelta

from kestra_stream.models.ids import base62, from_base62

_RANDOM_BITS = 80
_FIRST = datetime(2024, 1, 1, tzinfo=UTC)
_CLOCKS_DIFFER = timedelta(hours=6)


def new_id() -> str:
    """Return a 22-character id that nobody can guess: the milliseconds since 1970, and 80 random bits."""
    return base62(time.time_ns() // 1_000_000 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS))


def made_after(an_id: str, now: datetime) -> datetime | None:
    """Return a moment before which this id was not made, clocks differ as they may; None for one that does not tell.

    One that was given, or derived from a parent, may seem to tell: what is not found from this moment on must be looked for before it.
    """
    number = from_base62(an_id)
    if number is None:
        return None
    seconds = (number >> _RANDOM_BITS) / 1000
    if not _FIRST.timestamp() <= seconds <= (now + _CLOCKS_DIFFER).timestamp():
        return None
    return datetime.fromtimestamp(seconds, UTC) - _CLOCKS_DIFFER
