"""Notes: where the rules of a document put what they find."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from kestra_stream.document.places import Path
from kestra_stream.errors import InvalidExpression
from kestra_stream.models.task import Plugin


@dataclass(frozen=True, slots=True)
class FoundPlugin:
    """A plugin that the document names: where it stands, what is written there, and its class."""

    path: Path
    value: Mapping[str, Any]
    cls: type[Plugin]


class Notes(Protocol):
    """Takes what is wrong, what is deprecated, and what is only worth a word."""

    def fault(self, message: str, path: Path, *, key: bool = False) -> None:
        """Note a fault at the value of a path of the document, or at its key."""
        ...

    def broken(self, error: InvalidExpression, path: Path) -> None:
        """Note a template that does not parse, at its line and column when it is a block of lines."""
        ...

    def warn(self, message: str, path: Path) -> None:
        """Note something that does no harm yet."""
        ...
