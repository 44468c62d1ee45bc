"""Where a storage lies, in the words of its settings; every error names them. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket of a server.

    Attributes:
        section: the settings that name it, as `kestra.storage.minio`.
        address: the server, as `http://localhost:9000`.
        has_keys: whether the settings carry keys; otherwise a provider finds them.
    """

    section: str
    address: str
    bucket: str
    has_keys: bool

    def setting(self, *names: str) -> str:
        """Name settings of this storage for a message: `kestra.storage.minio.access-key and .secret-key`."""
        return " and ".join([f"{self.section}.{names[0]}", *(f".{name}" for name in names[1:])])
