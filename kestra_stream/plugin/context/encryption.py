"""Encrypted values: (key, text) -> `{type, value}` and back, AES-GCM with the server's key."""

import base64
import binascii
import os
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from kestra_stream.engine.vault import KEY_REMEDY
from kestra_stream.errors import Invalid

ENCRYPTED_TYPE = "io.kestra.datatype:aes_encrypted"
_KEY_BYTES = 32
_NONCE_BYTES = 12


def encrypt_text(key: str, text: str) -> str:
    """Encrypt with a base64 key of 32 bytes; the result is base64 of a random 12-byte nonce, the cipher text and its 128-bit tag.

    Raises:
        Invalid: the key is no base64 of 32 bytes.
    """
    return _encrypted(_key(key), os.urandom(_NONCE_BYTES), text.encode())


def decrypt_text(key: str, text: str) -> str:
    """Undo `encrypt_text`.

    Raises:
        Invalid: not encrypted with this key, or changed since.
    """
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - slow to import, rarely used
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to import, rarely used

    try:
        raw = base64.b64decode(text, validate=True)
        return AESGCM(_key(key)).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], None).decode()
    except (binascii.Error, InvalidTag, ValueError):
        raise Invalid("the value cannot be decrypted with this key") from None


def check_key(key: str) -> str:
    """Return an encryption key as it is. Raises Invalid for what is none."""
    _key(key)
    return key


def is_encrypted(value: object) -> bool:
    """Tell whether a value is an encrypted one."""
    return isinstance(value, Mapping) and value.get("type") == ENCRYPTED_TYPE and isinstance(value.get("value"), str)


class Cipher:
    """Encrypts and decrypts with the server's key; without a key every use is refused."""

    __slots__ = ("_key",)

    def __init__(self, key: str | None) -> None:
        self._key = key

    def encrypt(self, text: str) -> dict[str, str]:
        """Return the value that is stored for this text."""
        return {"type": ENCRYPTED_TYPE, "value": encrypt_text(self._required(), text)}

    def decrypt(self, value: Mapping[str, Any]) -> str:
        """Return the text of an encrypted value."""
        return decrypt_text(self._required(), value["value"])

    def _required(self) -> str:
        if not self._key:
            raise Invalid(f"no encryption key is configured; {KEY_REMEDY}")
        return self._key


class Vault:
    """Seals what must not be read on the log: with the server's key, or with one that this process keeps to itself.

    Attributes:
        is_lasting: whether it is the server's key.
    """

    __slots__ = ("_own_key", "is_lasting")

    def __init__(self, key: str | None) -> None:
        self.is_lasting = key is not None
        self._own_key = key or base64.b64encode(os.urandom(_KEY_BYTES)).decode()

    def seal(self, text: str, *seed: str) -> str:
        """Encrypt; the nonce follows from seed and text, so that a decision made again is the same."""
        key, plain = _key(self._own_key), text.encode()
        digest = blake2b(key=key, digest_size=_NONCE_BYTES)
        for part in (*seed, text):
            digest.update(f"{len(part)}.{part}".encode())
        return _encrypted(key, digest.digest(), plain)

    def open(self, sealed: str) -> str:
        """Undo `seal`. Raises Invalid."""
        return decrypt_text(self._own_key, sealed)


def _encrypted(key: bytes, nonce: bytes, plain: bytes) -> str:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to import, rarely used

    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, None)).decode()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) not in {16, 24, _KEY_BYTES}:
        raise Invalid("an encryption key must be base64 of 32 bytes, as `openssl rand -base64 32` prints them")
    return key
