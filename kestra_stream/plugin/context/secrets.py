"""Secrets from the environment, and the masking of secrets in text."""

import base64
import binascii
import json
import os
from collections.abc import Callable, Mapping

from kestra_stream.errors import NotFound

MASK = "********"
PREFIX = "SECRET_"
_SHORTEST_LINE = 4

Secrets = Callable[[str, str], str]
"""(namespace, key) -> the secret; raises NotFound."""


def environment_secrets(environment: Mapping[str, str] | None = None) -> Secrets:
    """Return a source that reads `SECRET_<KEY>` (base64, line breaks ignored, the key's case does not matter) from the environment."""
    encoded = {
        name[len(PREFIX) :].upper(): value
        for name, value in (os.environ if environment is None else environment).items()
        if name.upper().startswith(PREFIX)
    }

    def read(namespace: str, key: str) -> str:
        text = encoded.get(key.upper())
        if text is None:
            raise NotFound(f"Cannot find secret for key '{key}' in namespace '{namespace}'.")
        try:
            return base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise NotFound(f"The secret '{key}' is not base64 of UTF-8 text.") from None

    return read


class Masker:
    """Replaces secrets by asterisks; shared by all logs of one run."""

    __slots__ = ("_secrets", "longest")

    def __init__(self) -> None:
        self._secrets: tuple[str, ...] = ()
        self.longest = 0

    def add(self, secret: str) -> None:
        """Mask this text from now on, also as it stands inside of JSON.

        Of a text of several lines each longer line too, since logs are written line by line.
        """
        lines = [line for written in secret.splitlines() if len(line := written.strip()) >= _SHORTEST_LINE]
        texts = (secret, *lines)
        new = {*texts, *(json.dumps(text)[1:-1] for text in texts), *(json.dumps(text, ensure_ascii=False)[1:-1] for text in texts)} - {""}
        if new <= set(self._secrets):
            return
        # The longest first, so that a secret which contains another one is masked as a whole.
        self._secrets = tuple(sorted({*self._secrets, *new}, key=len, reverse=True))
        self.longest = len(self._secrets[0])

    def mask(self, text: str) -> str:
        """Return the text without its secrets."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK)
        return text
