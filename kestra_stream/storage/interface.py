"""Port: internal storage for bytes of any size, addressed by `kestra:///path` URIs inside a tenant."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class FileAttributes:
    """What is known of a stored file or folder; `size` in bytes, `uri` its `kestra:///` URI (a folder's ends with `/`)."""

    uri: str
    size: int
    modified_at: datetime
    is_folder: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


class Storage(Protocol):
    """Six verbs on (tenant, URI). All raise InvalidUri for a URI that leaves the tenant, NotFound where nothing is."""

    def get(self, tenant: str, uri: str, start: int = 0, end: int | None = None) -> BinaryIO:
        """Open a file for reading; with `start` and `end` only these bytes (end exclusive). The caller closes it."""
        ...

    def put(self, tenant: str, uri: str, content: BinaryIO | bytes, metadata: Mapping[str, str] | None = None) -> str:
        """Store a file as a whole or not at all; return its URI. An existing one is replaced atomically."""
        ...

    def attributes(self, tenant: str, uri: str) -> FileAttributes | None:
        """Tell what is stored there; None when nothing is."""
        ...

    def list(self, tenant: str, uri: str, *, recursive: bool = False) -> Iterator[FileAttributes]:
        """List what lies under a folder, sorted by URI; nothing when the folder does not exist."""
        ...

    def delete(self, tenant: str, uri: str) -> int:
        """Delete a file, or a folder with all that lies under it; return how many files went."""
        ...

    def move(self, tenant: str, source: str, target: str) -> str:
        """Rename a file or a folder; return the new URI. An existing file at the target is replaced."""
        ...


@runtime_checkable
class LeavesUnfinished(Protocol):
    """A storage in which a put that was cut off with its process may leave something that no verb shows, but that takes room."""

    def remove_unfinished(self, before: datetime) -> int:
        """Remove what was begun before a moment and never finished; return how many there were."""
        ...
