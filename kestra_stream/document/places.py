"""Places: where each value of a document stands in its text, as a tree beside the data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

Path = tuple[str | int, ...]
Mark = tuple[int, int]
"""1-based line and column."""
Entry = tuple[Path, Mapping[str, object]]
"""A map in a list, and where it stands."""
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(slots=True)
class Place:
    """Where one value begins; for a map and a list also where its keys and values begin.

    Attributes:
        origin: set on a value that something else put there, as `pluginDefaults[0]`.
    """

    mark: Mark
    children: "Mapping[str | int, Place]" = field(default_factory=lambda: _NOTHING)
    keys: Mapping[str, Mark] = field(default_factory=lambda: _NOTHING)
    origin: str = ""

    def with_origin(self, origin: str) -> "Place":
        """Return the same place, put there by somebody."""
        return Place(self.mark, self.children, self.keys, origin)


@dataclass(frozen=True, slots=True)
class Found:
    """The mark of a path, and who put the value there."""

    mark: Mark
    origin: str


def find(root: Place, path: Path, *, key: bool = False) -> Found:
    """Return the mark of a path, or of the nearest place around it that is known; of its key rather than its value with `key`."""
    place, origin = root, ""
    for number, step in enumerate(path):
        child = place.children.get(step)
        if child is None:
            break
        origin = child.origin or origin
        if key and number == len(path) - 1 and isinstance(step, str) and step in place.keys:
            return Found(place.keys[step], origin)
        place = child
    return Found(place.mark, origin)


def entries_of(value: object, path: Path) -> Iterator[Entry]:
    """Yield the maps of a list with their paths; what is no list has none."""
    if isinstance(value, list):
        for number, entry in enumerate(value):
            if isinstance(entry, Mapping):
                yield (*path, number), entry


def in_block(lines: Sequence[str], block: Mark, line: int, column: int) -> Mark:
    """Return where a line and column of a text stand when the text is a block after `|`; the mark of any other text as it is."""
    head = lines[block[0] - 1][block[1] - 1 :]
    first = next((one for one in lines[block[0] :] if one.strip()), "")
    if not head.startswith("|") or any(character.isdigit() for character in head[:3]):
        return block
    return block[0] + line, len(first) - len(first.lstrip(" ")) + column


def path_text(path: Path) -> str:
    """Write a path as a person would: `tasks[2].retry.interval`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
