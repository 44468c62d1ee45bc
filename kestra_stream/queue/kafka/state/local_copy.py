"""A local copy of the state beside one partition, on disk: for state that outgrows memory, and for a quick return after a restart.

    file      TOPIC-NUMBER.sqlite below the folder of the settings, of one process at a time (TOPIC-NUMBER.1.sqlite, ... for more)
    parts     owner, part -> bytes, as on the topic; those of a kind (the text before the first `/` of their names) lie together
    checkpoint  the offset of the state topic up to which the copy is complete, and when that was so

The topic is the truth: a copy that is missing, damaged, of another topic, or so old that tombstones may be gone, is made anew. So is
one that was in use when the machine went down: nothing of it was forced to the disk, and no one knows what is there. Each part has a
checksum, because the database would not notice a part that the disk has changed.
"""

import fcntl
import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TextIO
from zlib import crc32

from kestra_stream.errors import Unavailable

logger = logging.getLogger(__name__)

_LAYOUT = 3
_TABLES = """
CREATE TABLE parts (
    kind TEXT NOT NULL, owner TEXT NOT NULL, part TEXT NOT NULL, content BLOB NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (kind, owner, part)
) WITHOUT ROWID;
CREATE TABLE checkpoint (
    layout INTEGER NOT NULL, topic TEXT NOT NULL, position INTEGER NOT NULL, at REAL NOT NULL, boot TEXT NOT NULL, checksum INTEGER NOT NULL
);
"""
_KINDS = """
WITH RECURSIVE found (kind) AS (
    SELECT min(kind) FROM parts UNION ALL SELECT (SELECT min(kind) FROM parts WHERE kind > found.kind) FROM found WHERE kind IS NOT NULL
) SELECT kind FROM found WHERE kind IS NOT NULL
"""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ON_DISK = ""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CANNOT_READ = frozenset({sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS})
# Tombstones are kept for an hour after compaction: a copy that has missed more than that cannot know what is gone.
OLDEST = 45 * 60.0

Change = tuple[str, str, bytes | None]
"""Owner, part and its content; None for a part that is dropped."""


class LocalCopy:
    """The copy of one partition. Not thread-safe.

    Args:
        folder: where copies lie; made if it is missing.
        name: of the state topic.
        topic: an identity of the state topic, that another topic of the same name does not have.

    Attributes:
        is_damaged: whether it cannot be read any more: it is made anew once it was closed.

    Raises:
        Unavailable: the folder cannot be written.
    """

    def __init__(self, folder: Path, name: str, number: int, topic: str) -> None:
        self._topic = topic
        self._path = folder
        self._kinds: set[str] = set()
        self.is_damaged = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = self._first_free(folder, f"{name}-{number}")
        except OSError as error:
            raise self._trouble(error) from error
        try:
            self._database, self.position = self._opened()
        except BaseException:
            self._lock.close()
            raise

    def _first_free(self, folder: Path, name: str) -> TextIO:
        """Lock the first copy that nobody else has."""
        for place in count():
            self._path = folder / f"{name}{f'.{place}' if place else ''}.sqlite"
            lock = _locked(self._path.with_suffix(".lock"))
            if lock is not None:
                return lock
        raise AssertionError("numbers have no end")

    def _opened(self) -> tuple[sqlite3.Connection, int]:
        """Open the file, or make it anew; return it with the offset that it is complete up to (0: it is empty)."""
        for is_new in (False, True):
            try:
                found = self._tried(is_new=is_new)
            except (sqlite3.Error, UnicodeDecodeError) as error:
                if is_new or _says_nothing_of_the_copy(error):
                    raise self._trouble(error) from error
                logger.warning("the local copy %s is damaged and is made anew: %s", self._path, error)
                found = None
            if found is not None:
                return found
            self._remove()
        raise Unavailable(f"{self._path}: the local copy of the state cannot be opened")

    def _tried(self, *, is_new: bool) -> tuple[sqlite3.Connection, int] | None:
        """Open the file, with the offset of a copy that can be used; None when there is one that cannot."""
        database = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        position = None
        try:
            # what a crash of the machine may damage is made anew from the topic: nothing waits for the disk
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = OFF")
            position = 0 if is_new else self._checkpoint(database)
            if position == 0:
                database.executescript(f"DROP TABLE IF EXISTS parts; DROP TABLE IF EXISTS checkpoint; {_TABLES}")
            if position is not None:
                self._kinds = {str(kind) for (kind,) in database.execute(_KINDS)}
        except BaseException:
            database.close()
            raise
        if position is None:
            database.close()
            return None
        return database, position

    def _checkpoint(self, database: sqlite3.Connection) -> int | None:
        """Return the offset of a copy that can be used, 0 for a new file, None for one that cannot."""
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'checkpoint'").fetchone():
            return 0
        row = database.execute("SELECT * FROM checkpoint").fetchone()
        if row is None or row[0] != _LAYOUT or row[-1] != _checksum_of_row(row[:-1]):
            return None
        _, topic, position, at, boot, _ = row
        is_ours = topic == self._topic and boot in {_ON_DISK, _boot()}
        return int(position) if is_ours and 0 <= time.time() - at <= OLDEST else None

    # -- changes -------------------------------------------------------------------------------------------------------

    def stage(self, changes: Sequence[Change]) -> None:
        """Write changes; they count once `keep` was called.

        Raises:
            Unavailable: the disk is full, or fails; nothing of it counts.
        """
        try:
            if not self._database.in_transaction:
                self._database.execute("BEGIN")
            for owner, part, content in changes:
                kind = part.partition("/")[0]
                if content is None:
                    self._database.execute("DELETE FROM parts WHERE kind = ? AND owner = ? AND part = ?", (kind, owner, part))
                else:
                    self._kinds.add(kind)
                    row = (kind, owner, part, content, _checksum(owner, part, content))
                    self._database.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?, ?)", row)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def keep(self, position: int | None = None) -> None:
        """Let what was staged count; with a position the copy is complete up to there.

        Raises:
            Unavailable: the disk is full, or fails; the copy is behind from now on.
        """
        try:
            if position is not None:
                if not self._database.in_transaction:
                    self._database.execute("BEGIN")
                self._note(position, time.time(), _boot())
                self.position = position
            if self._database.in_transaction:
                self._database.execute("COMMIT")
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def drop(self) -> None:
        """Forget what was staged."""
        with suppress(sqlite3.Error):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    # -- reading -------------------------------------------------------------------------------------------------------

    def parts(self, owner: str) -> Mapping[str, bytes]:
        """Return all parts of an owner. All that reads raises Unavailable where the file can not be read."""
        return {part: content for _, part, content in self._parts(f"{self._of_any_kind()} AND owner = ?", *self._kinds, owner)}

    def names(self, owner: str) -> set[str]:
        """Return the names of an owner's parts."""
        question = f"SELECT part FROM parts WHERE {self._of_any_kind()} AND owner = ?"  # noqa: S608 - as many question marks as kinds
        return {str(part) for (part,) in self._rows(question, *self._kinds, owner)}

    def _of_any_kind(self) -> str:
        """Return the condition that lets the database look for an owner kind by kind."""
        return f"kind IN ({', '.join('?' * len(self._kinds))})"

    def owners(self) -> Iterator[str]:
        """Go through all owners."""
        for (owner,) in self._rows("SELECT DISTINCT owner FROM parts"):
            yield owner

    def of_kind(self, kind: str) -> Iterator[tuple[str, str, bytes]]:
        """Go through all parts of a kind: owner, part, content."""
        yield from self._parts("kind = ?", kind)

    def __len__(self) -> int:
        """How many owners there are."""
        return sum(count for (count,) in self._rows("SELECT COUNT(DISTINCT owner) FROM parts"))

    def _parts(self, condition: str, *values: str) -> Iterator[tuple[str, str, bytes]]:
        question = f"SELECT owner, part, content, checksum FROM parts WHERE {condition}"  # noqa: S608 - conditions of this class
        for owner, part, content, checksum in self._rows(question, *values):
            if not isinstance(content, bytes) or _checksum(owner, part, content) != checksum:
                self.is_damaged = True
                raise self._trouble(ValueError(f"the part `{part}` of {owner} is not what was written"))
            yield owner, part, content

    def _rows(self, question: str, *values: str) -> Iterator[Any]:
        try:
            yield from self._database.execute(question, values)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            self.is_damaged = True
            raise self._trouble(error) from error

    # -- life ----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go; the file stays for whoever comes next, unless it is damaged."""
        self.drop()
        if not self.is_damaged:
            self._write_out()
        self._database.close()
        if self.is_damaged:
            self._remove()
        self._lock.close()

    def _write_out(self) -> None:
        """Force all of it to the disk, so that it can be trusted whatever becomes of the machine."""
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA synchronous = FULL")
            for place in (_boot(), _ON_DISK):  # first all of it, and only then the word that it is there
                row = self._database.execute("SELECT position, at FROM checkpoint").fetchone()
                if row is not None:
                    position, at = row
                    self._note(position, at, place)
                self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _note(self, position: int, at: float, boot: str) -> None:
        row = (_LAYOUT, self._topic, position, at, boot)
        self._database.execute(
            "INSERT OR REPLACE INTO checkpoint (rowid, layout, topic, position, at, boot, checksum) VALUES (1, ?, ?, ?, ?, ?, ?)",
            (*row, _checksum_of_row(row)),
        )

    def _failed(self, error: sqlite3.Error) -> Unavailable:
        self.drop()
        self.is_damaged = self.is_damaged or _code(error) & 0xFF in _DAMAGE
        return self._trouble(error)

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _trouble(self, error: Exception) -> Unavailable:
        remedy = "free some space, or name another folder in kestra.engine.state.path"
        return Unavailable(f"{self._path}: the local copy of the state cannot be used ({error}): {remedy}")


def _checksum(owner: str, part: str, content: bytes) -> int:
    return crc32(content, crc32(f"{owner}\0{part}".encode()))


def _checksum_of_row(row: Sequence[Any]) -> int:
    return crc32(repr(tuple(row)).encode())


def _says_nothing_of_the_copy(error: Exception) -> bool:
    """Whether only writing did not succeed: the copy may be as good as ever."""
    return _code(error) & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR} and _code(error) not in _CANNOT_READ


def _code(error: Exception) -> int:
    """Return the database's number of an error; 0 for one that the library has found itself."""
    return getattr(error, "sqlite_errorcode", 0)


@cache
def _boot() -> str:
    """Return what tells this run of the machine from an earlier one; the same text where the system does not say."""
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _locked(path: Path) -> TextIO | None:
    """Return the open lock of a copy; None when another process, or member, has it."""
    file = path.open("a")
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file
