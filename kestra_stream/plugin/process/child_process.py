"""Runs one child process to its end: reads both streams without a thread, ends its whole tree when asked to, leaves nothing behind.

start ── read ── read ── exit ── kill what is left ── read the rest ── reap
            │
            └─ stop ── SIGTERM to all ── grace ── SIGKILL to all
"""

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from kestra_stream.plugin.api import TaskFailed
from kestra_stream.plugin.process.line_splitter import Line, LineSplitter
from kestra_stream.plugin.process.process_tree import MARK, ProcessTree, new_mark

_CHUNK = 64 * 1024
_POLL = 0.05
_DRAIN = 1.0

OnStop = Callable[[Callable[[], None]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """What to run.

    Attributes:
        grace: seconds between the request to end and the kill.
    """

    args: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    grace: float = 2.0

    def run(self, out: Line, err: Line, on_stop: OnStop) -> int:
        """Run it; each line of its streams is given to `out` and `err`; return its exit code (128 + n after the signal n).

        Raises:
            TaskFailed: it cannot be started.
        """
        mark = new_mark()
        # the attempt counts as one that knows how to end itself until the last process is gone
        with _waker() as (woken, wake), on_stop(wake):
            process = self._start(mark)
            pump = _Pump(process, ProcessTree(process.pid, mark), self.grace)
            try:
                pump.read(LineSplitter(out), LineSplitter(err), woken)
            finally:
                pump.close()
        return process.returncode if process.returncode >= 0 else 128 - process.returncode

    def _start(self, mark: str) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(  # noqa: S603 - running what a flow says is the purpose
                list(self.args),
                cwd=self.directory,
                env={**self.environment, MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise TaskFailed(f"Cannot run '{self.args[0] if self.args else ''}': {error}") from None


class _Pump:
    """Moves bytes from a process to its splitters until it has ended."""

    def __init__(self, process: "subprocess.Popen[bytes]", tree: ProcessTree, grace: float) -> None:
        self._process = process
        self._tree = tree
        self._grace = grace
        self._selector = selectors.DefaultSelector()
        self._streams: dict[int, LineSplitter] = {}
        self._kill_at: float | None = None
        self._exited = False
        self._exit_file = -1

    def read(self, out: LineSplitter, err: LineSplitter, woken: int) -> None:
        """Read until the process has ended and its streams are empty."""
        for stream, splitter in ((self._process.stdout, out), (self._process.stderr, err)):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                self._streams[stream.fileno()] = splitter
                self._selector.register(stream.fileno(), selectors.EVENT_READ)
        self._selector.register(woken, selectors.EVENT_READ)
        self._watch_exit()
        while not self._exited:
            self._step(woken)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                break
        self._selector.unregister(woken)
        self._tree.end()
        self._drain()

    def close(self) -> None:
        """Kill what is left, reap the process, close its streams; an interruption of one step leaves none of the others out."""
        with contextlib.ExitStack() as steps:
            for stream in (self._process.stdout, self._process.stderr):
                if stream is not None:
                    steps.callback(stream.close)
            if self._exit_file >= 0:
                steps.callback(os.close, self._exit_file)
            steps.callback(self._selector.close)
            steps.callback(self._process.wait)
            steps.callback(self._tree.end)

    def _watch_exit(self) -> None:
        # without pidfd (old or other systems) the exit is asked for now and then
        with contextlib.suppress(AttributeError, OSError):
            self._exit_file = os.pidfd_open(self._process.pid)
            self._selector.register(self._exit_file, selectors.EVENT_READ)

    def _step(self, woken: int) -> None:
        timeout = None if self._exit_file >= 0 else _POLL
        if self._kill_at is not None:
            timeout = max(min(self._kill_at - time.monotonic(), timeout or self._grace), 0.0)
        for key, _ in self._selector.select(timeout):
            if key.fd == woken:
                os.read(woken, 1)
                self._tree.terminate()
                self._kill_at = time.monotonic() + self._grace
            elif key.fd != self._exit_file:
                self._read_stream(key.fd)
        # WNOWAIT: the process keeps its id, and with it its group, until everything in it has been killed
        self._exited = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _read_stream(self, stream: int) -> None:
        try:
            data = os.read(stream, _CHUNK)
        except BlockingIOError:
            return
        if data:
            self._streams[stream].feed(data)
        else:
            self._selector.unregister(stream)
            self._streams.pop(stream).close()

    def _drain(self) -> None:
        """All writers are dead: read what lies in the pipes. One that got away does not keep us."""
        if self._exit_file >= 0:
            self._selector.unregister(self._exit_file)
        deadline = time.monotonic() + _DRAIN
        while self._streams and time.monotonic() < deadline:
            for key, _ in self._selector.select(_POLL):
                self._read_stream(key.fd)
        for splitter in self._streams.values():
            splitter.close()


@contextmanager
def _waker() -> Generator[tuple[int, Callable[[], None]], None, None]:
    """A file that becomes readable when the function is called, from any thread; after the block it does nothing any more."""
    reader, writer = os.pipe()
    lock, is_open = Lock(), True

    def wake() -> None:
        with lock:
            if is_open:
                os.write(writer, b"x")

    try:
        yield reader, wake
    finally:
        with lock:
            is_open = False
            os.close(reader)
            os.close(writer)
