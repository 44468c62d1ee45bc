"""The log of one attempt: lines in, masked and numbered `LogEntry` records out, in pieces of bounded size."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Lock
from typing import BinaryIO

from kestra_stream.models.records import Level, LogEntry
from kestra_stream.plugin.api import TaskInfo
from kestra_stream.plugin.context.secrets import Masker
from kestra_stream.plugin.text import MAX_LINE

_MAX_LINES = 500
_MAX_CHARACTERS = 1024 * 1024
MOST_CHARACTERS = 64 * 1024 * 1024
"""Characters kept of the whole log of an attempt, unless they go to a file."""
_LAST_ERRORS = 100
_TOO_LONG = "The log of this attempt is full: further lines are left out. `logToFile: true` keeps all of them in a file"

Emit = Callable[[Sequence[LogEntry]], None]


class AttemptLog:
    """Collects lines until somebody takes them; a big heap of lines is emitted at once, by the thread that writes. Thread-safe.

    Args:
        least: lines that are less severe are dropped.
        most: characters after which further lines are dropped, but for a few errors.
    """

    __slots__ = ("_count", "_emit", "_entries", "_info", "_least", "_left", "_left_errors", "_lock", "_now", "_size", "_spool", "masker")

    def __init__(
        self,
        info: TaskInfo,
        now: Callable[[], datetime],
        emit: Emit,
        masker: Masker,
        least: Level | None = None,
        most: int = MOST_CHARACTERS,
    ) -> None:
        self._left = most
        self._left_errors = _LAST_ERRORS
        self._info = info
        self._now = now
        self._emit = emit
        self._least = least.rank if least else 0
        self.masker = masker
        self._lock = Lock()
        self._entries: list[LogEntry] = []
        self._size = 0
        self._count = 0
        self._spool: BinaryIO | None = None

    def log(self, level: Level, message: str, *, cut: int = 0) -> None:
        """Write one line, unless it is less severe than what is kept; `cut` bytes were already cut off at its end."""
        if level.rank < self._least:
            return
        text = self.masker.mask(str(message))
        if cut:
            # the cut may have gone through a secret: its beginning must not stay
            text = text[: len(text) - self.masker.longest]
        text = shortened(text, cut)
        full: Sequence[LogEntry] = ()
        with self._lock:
            if self._spool is not None:
                self._spool.write(f"{self._now().isoformat()} {level.value} {text}\n".encode(errors="replace"))
                return
            if self._left < 0:
                return
            self._append(level, text)
            self._left -= len(text) + 1
            if self._left < 0:
                self._append(Level.WARN, _TOO_LONG)
            if len(self._entries) >= _MAX_LINES or self._size >= _MAX_CHARACTERS:
                full, self._entries, self._size = self._entries, [], 0
        if full:
            self._emit(full)

    def trace(self, message: str) -> None:
        """Write one line at TRACE."""
        self.log(Level.TRACE, message)

    def debug(self, message: str) -> None:
        """Write one line at DEBUG."""
        self.log(Level.DEBUG, message)

    def info(self, message: str) -> None:
        """Write one line at INFO."""
        self.log(Level.INFO, message)

    def warning(self, message: str) -> None:
        """Write one line at WARN."""
        self.log(Level.WARN, message)

    def error(self, message: str) -> None:
        """Write one line at ERROR; a few are kept even when the log is full, since they say how the attempt ended."""
        with self._lock:
            if self._left < 0 < self._left_errors and self._spool is None:
                self._left_errors -= 1
                self._append(Level.ERROR, shortened(self.masker.mask(str(message))))
                return
        self.log(Level.ERROR, message)

    def take(self) -> Sequence[LogEntry]:
        """Return the lines that nobody has taken yet."""
        if not self._entries:
            return ()
        with self._lock:
            taken, self._entries, self._size = self._entries, [], 0
        return taken

    def to_file(self) -> None:
        """From now on keep the lines in a file instead of emitting them."""
        self._spool = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()

    def file(self) -> BinaryIO | None:
        """Return the file of the lines, at its start; None when the lines are emitted."""
        if self._spool is not None:
            self._spool.seek(0)
        return self._spool

    def close(self) -> None:
        """Forget the file."""
        if self._spool is not None:
            self._spool.close()

    def _append(self, level: Level, text: str) -> None:
        self._entries.append(self._entry(level, text))
        self._count += 1
        self._size += len(text)

    def _entry(self, level: Level, text: str) -> LogEntry:
        info = self._info
        return LogEntry(
            id=f"{info.task_run_id}-{info.attempt}-{self._count:06d}",
            execution_id=info.execution_id,
            namespace=info.namespace,
            flow_id=info.flow_id,
            timestamp=self._now(),
            level=level,
            message=text,
            task_id=info.task_id,
            task_run_id=info.task_run_id,
            attempt_number=info.attempt,
            tenant_id=info.tenant_id,
        )


def shortened(text: str, cut: int = 0) -> str:
    """Cut a line that is longer than what is kept, and say so."""
    if len(text) <= MAX_LINE and not cut:
        return text
    return f"{text[:MAX_LINE]}… [{max(len(text) - MAX_LINE, 0) + cut} more characters were cut]"
