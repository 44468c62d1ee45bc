"""A local copy of the state beside one partition, on disk: for state that outgrows memory, and for a quick return after a restart.

    file      TOPIC-NUMBER.sqlite below the folder of the settings, of one process at a time (TOPIC-NUMBER.1.sqlite, ... for more)
    parts     owner, part -> bytes, as on the topic
    checkpoint  the offset of the state topic up to which the copy is complete, and when that was so

The topic is the truth: a copy that is missing, damaged, of another topic, or so old that tombstones may be gone, is made anew. So is
one that was in use when the machine went down: nothing of it was forced to the disk, and no one knows what is there.
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

from kestra_stream.errors import Unavailable

logger = logging.getLogger(__name__)

_LAYOUT = 2
_TABLES = """
CREATE TABLE parts (owner TEXT NOT NULL, part TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (owner, part)) WITHOUT ROWID;
CREATE INDEX by_part ON parts (part);
CREATE TABLE checkpoint (layout INTEGER NOT NULL, topic TEXT NOT NULL, position INTEGER NOT NULL, at REAL NOT NULL, boot TEXT NOT NULL);
"""
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_ON_DISK = ""
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
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
                database = _connected(self._path)
                position = 0 if is_new else self._checkpoint(database)
                if position is None:
                    database.close()
                    self._remove()
                    continue
                if position == 0:
                    database.executescript(f"DROP TABLE IF EXISTS parts; DROP TABLE IF EXISTS checkpoint; {_TABLES}")
            except sqlite3.DatabaseError as error:
                if is_new:
                    raise self._trouble(error) from error
                logger.warning("the local copy %s is damaged and is made anew: %s", self._path, error)
                self._remove()
            else:
                return database, position
        raise Unavailable(f"{self._path}: the local copy of the state cannot be opened")

    def _checkpoint(self, database: sqlite3.Connection) -> int | None:
        """Return the offset of a copy that can be used, 0 for a new file, None for one that cannot."""
        if not database.execute("SELECT name FROM sqlite_master WHERE name = 'checkpoint'").fetchone():
            return 0
        row = database.execute("SELECT * FROM checkpoint").fetchone()
        if row is None or row[:2] != (_LAYOUT, self._topic) or not 0 <= time.time() - row[3] <= OLDEST:
            return None
        if row[4] not in {_ON_DISK, _boot()}:
            return None
        return int(row[2])

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
                if content is None:
                    self._database.execute("DELETE FROM parts WHERE owner = ? AND part = ?", (owner, part))
                else:
                    self._database.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", (owner, part, content))
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
                self._database.execute("DELETE FROM checkpoint")
                row = (_LAYOUT, self._topic, position, time.time(), _boot())
                self._database.execute("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", row)
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
        return dict(self._rows("SELECT part, content FROM parts WHERE owner = ?", owner))

    def names(self, owner: str) -> set[str]:
        """Return the names of an owner's parts."""
        return {part for (part,) in self._rows("SELECT part FROM parts WHERE owner = ?", owner)}

    def owners(self) -> Iterator[str]:
        """Go through all owners."""
        for (owner,) in self._rows("SELECT DISTINCT owner FROM parts"):
            yield owner

    def of_kind(self, kind: str) -> Iterator[tuple[str, str, bytes]]:
        """Go through all parts of a kind: owner, part, content."""
        yield from self._rows(
            "SELECT owner, part, content FROM parts WHERE part = ? OR (part >= ? AND part < ?)", kind, f"{kind}/", f"{kind}0"
        )

    def __len__(self) -> int:
        """How many owners there are."""
        return sum(count for (count,) in self._rows("SELECT COUNT(DISTINCT owner) FROM parts"))

    def _rows(self, question: str, *values: str) -> Iterator[Any]:
        try:
            yield from self._database.execute(question, values)
        except sqlite3.Error as error:
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
            self._database.execute("UPDATE checkpoint SET boot = ?", (_ON_DISK,))
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _failed(self, error: sqlite3.Error) -> Unavailable:
        self.drop()
        self.is_damaged = self.is_damaged or error.sqlite_errorcode & 0xFF in _DAMAGE
        return self._trouble(error)

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _trouble(self, error: Exception) -> Unavailable:
        remedy = "free some space, or name another folder in kestra.engine.state.path"
        return Unavailable(f"{self._path}: the local copy of the state cannot be used ({error}): {remedy}")


def _connected(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    # what a crash of the machine may damage is made anew from the topic: nothing waits for the disk
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    return database


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
