"""What nobody may read on the log is sealed: the engine opens it to evaluate an expression, and keeps it sealed."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from kestra_stream.errors import Invalid

ENCRYPTED = "io.kestra.datatype:aes_encrypted"
SEALED = "$sealed"
KEY_VARIABLE = "KESTRA_STREAM_ENCRYPTION_KEY"
"""Environment variable that holds the server's key."""
KEY_REMEDY = f"set the environment variable {KEY_VARIABLE} to base64 of 32 random bytes (`openssl rand -base64 32`)"
_MASK = "********"


class Vault(Protocol):
    """Seals and opens texts. The same seed and text always give the same, so that a replay decides the same."""

    @property
    def is_lasting(self) -> bool:
        """Whether what is sealed can be opened tomorrow, by any process: the server has a key."""
        ...

    def seal(self, text: str, *seed: str) -> str:
        """Seal a text."""
        ...

    def open(self, sealed: str) -> str:
        """Open what was sealed, or encrypted with the server's key. Raises Invalid."""
        ...


class NoVault:
    """The vault of a house without secrets: every use is refused."""

    is_lasting = False

    def seal(self, text: str, *seed: str) -> str:
        """Refuse."""
        del text, seed
        raise Invalid("a secret can not travel: this executor was built without a vault")

    def open(self, sealed: str) -> str:
        """Refuse."""
        return self.seal(sealed)


def is_sealed(value: object) -> bool:
    """Tell whether a value was sealed for its way."""
    return isinstance(value, Mapping) and len(value) == 1 and SEALED in value


def each_text(value: object, change: Callable[[str], object]) -> object:
    """Return a value with every text in it changed; parts without a change are not copied."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        changed = {key: new for key, item in value.items() if (new := each_text(item, change)) is not item}
        return {**value, **changed} if changed else value
    if isinstance(value, list | tuple):
        items = [each_text(item, change) for item in value]
        return value if all(new is old for new, old in zip(items, value, strict=True)) else items
    return value


def opened(value: Any, open_sealed: Callable[[str], str]) -> Any:
    """Return a value with everything that was sealed in it opened."""
    if is_sealed(value):
        return open_sealed(value[SEALED])
    if isinstance(value, Mapping):
        return {key: opened(item, open_sealed) for key, item in value.items()}
    return [opened(item, open_sealed) for item in value] if isinstance(value, list | tuple) else value


def masked(text: str, secrets: list[str]) -> str:
    """Return a text in which no secret can be read."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, _MASK)
    return text
