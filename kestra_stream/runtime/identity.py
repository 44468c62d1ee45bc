"""New ids for what comes from outside and has no parent to be derived from."""

import secrets

from kestra_stream.models.ids import base62


def new_id() -> str:
    """Return a random 22-character id."""
    return base62(secrets.randbits(128))
