"""All processes that a script has started, also those that left its session: found by a mark that children inherit, and ended.

The mark is a number. It stands in the environment; and, since a process may start others with an empty one, as a resource limit that
means nothing (the time of a realtime process, in the order of ten thousand years). A group tells the rest. Processes are only looked
at on systems that have `/proc`; elsewhere psutil finds the descendants.
"""

import contextlib
import os
import resource
import secrets
import signal
import time
from pathlib import Path

import psutil

MARK = "KESTRA_STREAM_ATTEMPT"
_PROC = Path("/proc")
_ROUNDS = 200
_PAUSE = 0.005
_LEAST_MARK = 2**58


def new_mark() -> str:
    """Return a number that no other script has."""
    return str(_LEAST_MARK + secrets.randbelow(_LEAST_MARK))


class ProcessTree:
    """The processes that carry one mark.

    Args:
        root: process id of the script, the leader of its own session and group. It must not be reaped before `end` was called.
        mark: value of the environment variable `MARK`, unique to the script.
    """

    __slots__ = ("_in_environment", "_in_limits", "_root")

    def __init__(self, root: int, mark: str) -> None:
        self._root = root
        self._in_environment = f"{MARK}={mark}".encode()
        self._in_limits = f" {mark} ".encode()
        # a system without this limit, or one that has lowered it, leaves the environment
        with contextlib.suppress(AttributeError, OSError, ValueError):
            _limit(root, int(mark))

    def terminate(self) -> None:
        """Ask all of them to end."""
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Kill all of them, and those that they start meanwhile, until none is left."""
        self._signal_group(signal.SIGKILL)
        for _ in range(_ROUNDS):
            if not self._signal_members(signal.SIGKILL):
                return
            time.sleep(_PAUSE)

    def _signal(self, number: int) -> None:
        self._signal_group(number)
        self._signal_members(number)

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._root, number)

    def _signal_members(self, number: int) -> bool:
        """Signal every process but the script's own; tell whether there was one."""
        members = self._marked() if _PROC.joinpath("self/environ").exists() else self._descendants()
        for pid in members:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        return bool(members)

    def _marked(self) -> list[int]:
        found = []
        for name in os.listdir(_PROC):  # noqa: PTH208 - a thousand paths a second are a thousand objects a second
            if not name.isdigit() or int(name) == self._root:
                continue
            if self._in_environment in _read(f"/proc/{name}/environ") or self._in_limits in _read(f"/proc/{name}/limits"):
                found.append(int(name))
        return found

    def _descendants(self) -> list[int]:
        try:
            return [child.pid for child in psutil.Process(self._root).children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
        except psutil.NoSuchProcess:
            return []


def _limit(process: int, mark: int) -> None:
    """Set the limit for a process and for the children that it has already; those to come inherit it."""
    resource.prlimit(process, resource.RLIMIT_RTTIME, (mark, mark))
    for child in _read(f"/proc/{process}/task/{process}/children").split():
        with contextlib.suppress(OSError, ValueError):
            _limit(int(child), mark)


def _read(path: str) -> bytes:
    """Return a file of `/proc`; nothing when the process has ended meanwhile, or belongs to another user."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a thousand paths a second are a thousand objects a second
            return file.read()
    except OSError:
        return b""
