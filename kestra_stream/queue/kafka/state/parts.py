"""Keys and values of a state topic -> owners, parts and their typed values; the state on disk as a mapping that follows the commits."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from kestra_stream.errors import Fatal, Invalid
from kestra_stream.queue.interface import Headers, KeptState
from kestra_stream.queue.kafka.state.local_copy import LocalCopy
from kestra_stream.queue.serde import HEADERS, SCHEMA_HEADER, SCHEMA_VERSION, part_from_bytes
from kestra_stream.topics import Topic

logger = logging.getLogger(__name__)

_USUAL = list(HEADERS)


def key_of(owner: str, part: str) -> bytes:
    """Return the key of a part."""
    return f"{len(owner)}.{owner}/{part}".encode()


def parse_key(key: bytes) -> tuple[str, str] | None:
    """Return owner and part of a key; None for one that is none of ours."""
    try:
        length, _, rest = key.decode().partition(".")
        size = int(length)
    except ValueError:
        return None
    return (rest[:size], rest[size + 1 :]) if rest[size : size + 1] == "/" else None


class PartReader:
    """Reads what lies on one state topic. What cannot be read is passed over and told in the log: nobody else may write there.

    Attributes:
        name: of the topic on the broker.
    """

    def __init__(self, topic: Topic, name: str) -> None:
        self._topic = topic
        self.name = name

    def names(self, key: bytes) -> tuple[str, str] | None:
        """Return owner and part of a record; None for one that is no state of ours: it is passed over, whatever version it tells."""
        names = parse_key(key)
        if names is None:
            logger.error("%s holds a record with the key %r, which is none of ours; it is passed over", self.name, key[:200])
        return names

    def check(self, headers: Headers) -> None:
        """Refuse a state that a newer version has written: to go on without a part of an execution would break its promises.

        Raises:
            Fatal: this process must be upgraded first.
        """
        if headers == _USUAL:
            return
        version = next((value for name, value in headers if name == SCHEMA_HEADER), None)
        if version is not None and version.isdigit() and int(version) > SCHEMA_VERSION:
            raise Fatal(
                f"{self.name} holds state of a newer version (schema {int(version)}; this process reads {SCHEMA_VERSION}): "
                "upgrade this process"
            )

    def value(self, owner: str, part: str, content: bytes) -> tuple[Any, ...]:
        """Return the value of a part; nothing when it cannot be read."""
        try:
            return (part_from_bytes(self._topic, part, content),)
        except Invalid as error:
            logger.error("%s: a part of %s is passed over: %s", self.name, owner, error)  # noqa: TRY400
            return ()


class StateOnDisk(KeptState):
    """The state beside one partition, read from its local copy whenever it is asked for."""

    def __init__(self, copy: LocalCopy, reader: PartReader) -> None:
        self._copy = copy
        self._reader = reader

    def __getitem__(self, owner: str) -> Mapping[str, Any]:
        """Return the parts of an owner. Raises KeyError for one that has none."""
        contents = self._copy.parts(owner)
        parts = {part: value for part, content in contents.items() for value in self._reader.value(owner, part, content)}
        if not parts:
            raise KeyError(owner)
        return parts

    def __iter__(self) -> Iterator[str]:
        """Go through all owners."""
        return self._copy.owners()

    def __len__(self) -> int:
        """How many owners there are."""
        return len(self._copy)

    def of_kind(self, kind: str) -> Iterator[tuple[str, str, Any]]:
        """Go through all parts of a kind: owner, part, value."""
        for owner, part, content in self._copy.of_kind(kind):
            yield from ((owner, part, value) for value in self._reader.value(owner, part, content))
