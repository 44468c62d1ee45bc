"""How far the jobs of one partition are done: what may be committed, and what the next owner must know to repeat nothing.

    committed          position
    │                  │
    ■ ■ ■ ■ □ ■ ■ □ □ □│      ■ done   □ open (waits, or leased)
            └ first open: the offset to commit; what is done behind it travels as metadata of the commit

A commit of Kafka is one offset a partition. Jobs end in any order, so the ranges that are done behind the offset, and how often each
open job was handed out, are written into the commit's metadata. What does not fit there is forgotten: then a job may run once more
after a change of the owner, which its epoch makes harmless; none is ever skipped.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

LONGEST_METADATA = 3_500
_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Marks:
    """What a commit says beside its offset.

    Attributes:
        done: ranges of offsets (first, last) that are done, ascending.
        deliveries: offset of an open job -> how often it was handed out.
    """

    done: Sequence[tuple[int, int]] = ()
    deliveries: Mapping[int, int] = field(default_factory=dict[int, int])

    def text(self, longest: int = LONGEST_METADATA) -> str:
        """Write as the metadata of a commit; what is too long is left out, the lowest offsets stay."""
        if not self.done and not self.deliveries:
            return ""
        counts = _joined((f"{offset}={count}" for offset, count in self.deliveries.items()), longest // 4)
        ranges = _joined((f"{first}-{last}" for first, last in self.done), longest - len(counts) - 4)
        return f"{_VERSION};{ranges};{counts}"

    @classmethod
    def of(cls, text: str | None) -> "Marks":
        """Read the metadata of a commit; what nobody here has written counts as nothing."""
        version, _, rest = (text or "").partition(";")
        if version != _VERSION:
            return cls()
        ranges, _, counts = rest.partition(";")
        try:
            done = [_pair(part, "-") for part in ranges.split(",") if part]
            return cls(done, dict(_pair(part, "=") for part in counts.split(",") if part))
        except ValueError:
            return cls()


class Progress:
    """The offsets of one partition that one owner has read.

    Args:
        start: the offset that was committed last; None when there was none.
        marks: what that commit said.
    """

    def __init__(self, start: int | None, marks: Marks) -> None:
        self.position = start
        self._open: dict[int, None] = {}
        self._counts = dict(marks.deliveries)
        self._done: set[int] = set()
        self._known = marks.done
        self._starts = [first for first, _ in marks.done]

    def read(self, offset: int) -> int | None:
        """Note that an offset was read; return how often its job was handed out before, None when it is done already."""
        self.position = offset + 1
        at = bisect_right(self._starts, offset) - 1
        if at >= 0 and offset <= self._known[at][1]:
            if self._open:
                self._done.add(offset)
            return None
        self._open[offset] = None
        return self._counts.get(offset, 0)

    def count(self, offset: int, deliveries: int) -> None:
        """Note how often an open job was handed out."""
        if deliveries:
            self._counts[offset] = deliveries
        else:
            self._counts.pop(offset, None)

    def done(self, offset: int) -> None:
        """Note that a job needs nobody any more."""
        del self._open[offset]
        self._counts.pop(offset, None)
        if self._open:
            self._done.add(offset)

    def commit(self) -> tuple[int, Marks] | None:
        """Return the offset to commit, and what is known behind it; None while nothing was ever read."""
        if self.position is None:
            return None
        ahead = [(first, last) for first, last in self._known if last >= self.position]
        first = next(iter(self._open), self.position)
        self._done = {offset for offset in self._done if offset > first}
        return first, Marks((*self._ranges(), *ahead), dict(self._counts))  # written later, while jobs are handed out

    def _ranges(self) -> list[tuple[int, int]]:
        """Return what is done as ranges; offsets without a job (the log's own records) may lie inside one, an open job never."""
        ranges: list[tuple[int, int]] = []
        borders = iter(self._open)  # ascending: jobs are read in order
        border = next(borders, None)
        for offset in sorted(self._done):
            is_apart = not ranges
            while border is not None and border < offset:
                is_apart = True
                border = next(borders, None)
            if is_apart:
                ranges.append((offset, offset))
            else:
                ranges[-1] = (ranges[-1][0], offset)
        return ranges


def _joined(parts: Iterable[str], longest: int) -> str:
    text: list[str] = []
    size = 0
    for part in parts:
        size += len(part) + 1
        if size > longest:
            break
        text.append(part)
    return ",".join(text)


def _pair(text: str, separator: str) -> tuple[int, int]:
    first, _, last = text.partition(separator)
    return int(first), int(last)
