"""Letters: the topic of dead letters in, one letter for each record that was given up out, with what has become of it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from kestra_stream.models.messages import DeadLetter, DeadLetterMark, LetterState
from kestra_stream.queue.interface import Log, Raw, Record, Unreadable
from kestra_stream.runtime.dead_letters import raw_of
from kestra_stream.topics import DEAD_LETTER, DEAD_LETTER_MARK

Marks = Mapping[str, DeadLetterMark]


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that was given up.

    Attributes:
        id: its origin, as TOPIC/PARTITION/OFFSET.
        letter: the newest telling of it, without the record.
        components: who has given it up; several groups may read the same record.
        size: bytes of its value, roughly for one that lies in pieces.
        held: whether all of the record is here.
        changed_at: when it was redriven or discarded.
    """

    id: str
    letter: DeadLetter
    components: tuple[str, ...]
    size: int
    held: bool
    state: LetterState = LetterState.OPEN
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant; all that is given must be true.

    Attributes:
        topic: the topic of origin.
        since, until: when it was given up, the second bound not included.
        error: a part of the error, in any case of letters.
    """

    topic: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    error: str | None = None
    states: Collection[LetterState] = tuple(LetterState)

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        told = letter.letter
        return (
            letter.state in self.states
            and self.topic in {None, told.topic}
            and (self.since is None or told.at >= self.since)
            and (self.until is None or told.at < self.until)
            and (self.error is None or self.error.casefold() in told.error.casefold())
        )


@dataclass(slots=True)
class _Found:
    """What was read of one letter so far."""

    newest: DeadLetter
    components: dict[str, None] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)

    def take(self, letter: DeadLetter) -> None:
        """Take one more telling, or piece, of it."""
        self.components[letter.component] = None
        if letter.edition > self.newest.edition or (letter.pieces and not self.newest.pieces):
            self.newest = _without_record(letter)
            self.sizes.clear()
        if letter.edition == self.newest.edition and letter.pieces:
            self.sizes[letter.piece] = len(letter.payload or b"") + len(letter.content) * 9 // 16

    def letter(self, name: str, mark: DeadLetterMark | None) -> Letter:
        """Return what is known."""
        held = 0 < self.newest.pieces <= len(self.sizes)
        components = tuple(name for name in self.components if name)
        letter = Letter(name, self.newest, components, sum(self.sizes.values()), held)
        return letter if mark is None else replace(letter, state=mark.state, changed_at=mark.at)


def letter_id(letter: DeadLetter) -> str:
    """Name the origin of a letter."""
    return f"{letter.topic}/{letter.partition}/{letter.offset}"


def read_marks(log: Log) -> dict[str, DeadLetterMark]:
    """Return what has become of letters, by id."""
    reader = log.reader((DEAD_LETTER_MARK,))
    try:
        marks = [record.value for records in reader.catch_up() for record in records]
    finally:
        reader.close()
    return {mark.letter: mark for mark in marks if isinstance(mark, DeadLetterMark)}


def read_letters(log: Log, marks: Marks) -> dict[str, Letter]:
    """Return all letters that there are, oldest first, without their records."""
    found: dict[str, _Found] = {}
    for letter in _tellings(log):
        name = letter_id(letter)
        if name not in found:
            found[name] = _Found(_without_record(letter))
        found[name].take(letter)
    return {name: one.letter(name, marks.get(name)) for name, one in found.items()}


def read_records(log: Log, wanted: Mapping[str, Letter]) -> Iterator[tuple[Letter, Raw]]:
    """Yield the records of letters, as they were edited last, in the order in which they were given up."""
    missing = dict(wanted)
    pieces: dict[str, list[DeadLetter]] = {}
    for telling in _tellings(log):
        name = letter_id(telling)
        letter = missing.get(name)
        if letter is None or telling.edition != letter.letter.edition:
            continue
        pieces.setdefault(name, []).append(telling)
        raw = raw_of(pieces[name])
        if raw is not None:
            del missing[name], pieces[name]
            yield letter, replace(raw, partition=None if letter.letter.rekeyed else raw.partition)


def _tellings(log: Log) -> Iterator[DeadLetter]:
    reader = log.reader((DEAD_LETTER,))
    try:
        for records in reader.catch_up():
            for record in records:
                yield record.value if isinstance(record.value, DeadLetter) else _strange(record)
    finally:
        reader.close()


def _strange(record: Record) -> DeadLetter:
    """Return a letter about what lies between the letters and is none."""
    value: Unreadable = record.value
    key = None if value.key is None else record.key
    return DeadLetter(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=key,
        payload=value.payload,
        error=value.error,
        at=record.timestamp,
        key_bytes=value.key,
        headers=tuple(value.headers),
        timestamp=record.timestamp,
    )


def _without_record(letter: DeadLetter) -> DeadLetter:
    return replace(letter, payload=None, key_bytes=None, headers=(), content="")
