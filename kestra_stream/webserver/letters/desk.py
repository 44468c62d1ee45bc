"""The desk where letters are changed: one person at a time sits at it, so that no record is put back twice.

Whoever sits owns the one partition of the marks. A record and the mark that it was put back are one transaction of that owner; who was
pushed from the desk meanwhile is fenced, reads the marks anew and goes on with what is still open.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from types import TracebackType
from typing import Self

from kestra_stream.errors import Fenced, Invalid, NotFound, Retryable, Unavailable
from kestra_stream.models.messages import DeadLetterMark, LetterState
from kestra_stream.queue.interface import Log, Outgoing, Raw, State, TopicPartition, Transaction, Unreadable
from kestra_stream.queue.serde import HEADERS, SCHEMA_HEADER, decode
from kestra_stream.runtime.dead_letters import letters_with
from kestra_stream.topics import DEAD_LETTER, DEAD_LETTER_MARK, topic_of
from kestra_stream.webserver.letters.letter import Letter, read_letters, read_marks, read_records

GROUP = "dead-letters"
PATIENCE = 90.0
_BATCH = 200
_BATCH_BYTES = 4 * 1024 * 1024
_POLL = 0.1
_WAIT = 0.2


class Desk:
    """Redrives, discards and edits; a context that gives the place free at its end.

    Args:
        now: the clock's present moment.
        patience: seconds to wait for the place, and for a log that is away.
    """

    def __init__(self, log: Log, now: Callable[[], datetime], patience: float = PATIENCE) -> None:
        self._log = log
        self._now = now
        self._patience = patience
        self._marks: dict[str, DeadLetterMark] = {}
        self._owns = False
        self._has_marks = False
        self._consumer = log.consumer(GROUP, (DEAD_LETTER_MARK,), self)

    def __enter__(self) -> Self:
        """Sit down."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """Give the place free."""
        self.close()

    def close(self) -> None:
        """Give the place free."""
        self._consumer.close()

    def assigned(self, partitions: frozenset[TopicPartition], state: State) -> None:
        """The place is ours."""
        del state
        self._owns = self._owns or bool(partitions)

    def revoked(self, partitions: frozenset[TopicPartition]) -> None:
        """Somebody else sits there, and may have written marks."""
        del partitions
        self._owns = self._has_marks = False

    def letters(self) -> dict[str, Letter]:
        """Return all letters; nobody else changes them while this desk is kept."""
        self._sit()
        return read_letters(self._log, self._marks)

    def redrive(self, names: Collection[str]) -> dict[str, LetterState]:
        """Put records back where they came from; return what has become of each: REDRIVEN for those of this call alone.

        A letter that was redriven or discarded before is left out.

        Raises:
            NotFound: there is no such letter, or its record could not be kept.
            Invalid: its origin is no topic of this version.
        """
        letters = self._known(names)
        for name in names:
            if topic_of(letters[name].letter.topic) in {None, DEAD_LETTER, DEAD_LETTER_MARK}:
                raise Invalid(f"{name}: a record of `{letters[name].letter.topic}` cannot be redriven; discard it, or upgrade first")
            if letters[name].state is LetterState.OPEN and not letters[name].held:
                raise NotFound(f"{name}: the letter does not hold the record; {letters[name].letter.error}")
        wanted = {name: letters[name] for name in names if letters[name].state is LetterState.OPEN}
        done: list[str] = []
        for batch in _batches(read_records(self._log, wanted)):
            done += self._mark([letter.id for letter, _ in batch], LetterState.REDRIVEN, [_back(letter, raw) for letter, raw in batch])
        return dict.fromkeys(done, LetterState.REDRIVEN)

    def discard(self, names: Collection[str]) -> dict[str, LetterState]:
        """Mark letters as done with; return those of this call.

        Raises:
            NotFound: there is no such letter.
        """
        letters = self._known(names)
        wanted = [name for name in names if letters[name].state is LetterState.OPEN]
        done: list[str] = []
        for start in range(0, len(wanted), _BATCH):
            done += self._mark(wanted[start : start + _BATCH], LetterState.DISCARDED, ())
        return dict.fromkeys(done, LetterState.DISCARDED)

    def edit(self, name: str, payload: bytes | None, key: bytes | None = None, *, raw: bool = False) -> None:
        """Store another value (and key) for a letter that is open.

        `raw` takes the bytes as they are; otherwise they must be what the topic carries, and get the header of this version.

        Raises:
            NotFound: there is no such letter.
            Invalid: the letter is not open any more; the value is not what the topic carries (with the place of the fault).
        """
        letter = self._known((name,))[name]
        if letter.state is not LetterState.OPEN:
            raise Invalid(f"{name} was {letter.state.lower()} already; only an open letter can be edited")
        found = next((record for _, record in read_records(self._log, {name: letter})), Raw(None, None, HEADERS))
        new = replace(found, payload=payload, key=found.key if key is None else key)
        if not raw:
            new = replace(new, headers=_this_version(new))
            _check(name, letter, new)
        told = letter.letter
        newer = replace(told, edition=told.edition + 1, rekeyed=told.rekeyed or new.key != found.key)
        self._commit(lambda: letters_with(newer, new))

    def _known(self, names: Collection[str]) -> dict[str, Letter]:
        letters = self.letters()
        missing = [name for name in names if name not in letters]
        if missing:
            raise NotFound(f"there is no dead letter {', '.join(missing)}; an id is TOPIC/PARTITION/OFFSET, as `dead-letter list` tells")
        return letters

    def _mark(self, names: Sequence[str], state: LetterState, records: Sequence[Outgoing]) -> list[str]:
        """Mark letters, together with a record for each; return those that nobody had marked before."""
        now = self._now()
        marks = {name: DeadLetterMark(name, state, now) for name in names}
        fresh: list[str] = []

        def make() -> list[Outgoing]:
            fresh[:] = [name for name in names if name not in self._marks]
            sent = [record for name, record in zip(names, records, strict=False) if name in fresh]
            return [*sent, *(Outgoing(DEAD_LETTER_MARK, name, marks[name]) for name in fresh)]

        self._commit(make)
        self._marks.update((name, marks[name]) for name in fresh)
        return fresh

    def _commit(self, make: Callable[[], Sequence[Outgoing]]) -> None:
        """Commit what is made of the newest marks; made anew when somebody else sat here meanwhile."""
        deadline = time.monotonic() + self._patience
        while True:
            self._sit()
            records = make()
            try:
                if records:
                    self._consumer.commit(Transaction(records))
            except Fenced:
                self._owns = self._has_marks = False
            except Retryable:
                if time.monotonic() >= deadline:
                    raise
                time.sleep(_WAIT)
            else:
                return

    def _sit(self) -> None:
        """Wait for the place, and know the marks."""
        deadline = time.monotonic() + self._patience
        while True:
            self._consumer.poll(_BATCH, 0 if self._owns else _POLL)
            if self._owns:
                break
            if time.monotonic() >= deadline:
                raise Unavailable(f"another process changes dead letters, and has not finished within {self._patience:.0f} s; try again")
        if not self._has_marks:
            self._marks = read_marks(self._log)
            self._has_marks = True


def _back(letter: Letter, raw: Raw) -> Outgoing:
    """Return the record as it goes back: to its topic and partition, with its key, headers and value."""
    topic = topic_of(letter.letter.topic)
    if topic is None:
        raise Invalid(f"{letter.id}: there is no topic `{letter.letter.topic}` in this version")
    return Outgoing(topic, letter.letter.key or "", raw)


def _this_version(raw: Raw) -> tuple[tuple[str, bytes | None], ...]:
    return (*[(name, value) for name, value in raw.headers if name != SCHEMA_HEADER], *HEADERS)


def _check(name: str, letter: Letter, raw: Raw) -> None:
    topic = topic_of(letter.letter.topic)
    if topic is None:
        raise Invalid(f"{name}: there is no topic `{letter.letter.topic}` in this version; nothing can check the value (--raw takes any)")
    _, value = decode(topic, raw.payload, raw.key, raw.headers)
    if isinstance(value, Unreadable):
        raise Invalid(f"{name}: {value.error}")


def _batches(records: Iterator[tuple[Letter, Raw]]) -> Iterator[list[tuple[Letter, Raw]]]:
    batch: list[tuple[Letter, Raw]] = []
    size = 0
    for letter, raw in records:
        batch.append((letter, raw))
        size += len(raw.payload or b"") + len(raw.key or b"")
        if len(batch) >= _BATCH or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
