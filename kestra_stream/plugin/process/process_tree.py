"""All processes that a script has started, also those that left its session: found by a mark in their environment, and ended.

A child inherits the mark; a group tells the rest. Processes are only looked at on systems that have `/proc`; elsewhere psutil
finds the descendants.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

MARK = "KESTRA_STREAM_ATTEMPT"
_PROC = Path("/proc")
_ROUNDS = 200
_PAUSE = 0.005


class ProcessTree:
    """The processes that carry one mark.

    Args:
        root: process id of the script, the leader of its own session and group. It must not be reaped before `end` was called.
        mark: value of the environment variable `MARK`, unique to the script.
    """

    __slots__ = ("_needle", "_root")

    def __init__(self, root: int, mark: str) -> None:
        self._root = root
        self._needle = f"{MARK}={mark}".encode()

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
            if name.isdigit() and int(name) != self._root:
                # a process that has ended meanwhile, or belongs to another user, is none of ours
                with contextlib.suppress(OSError), open(f"/proc/{name}/environ", "rb") as file:  # noqa: PTH123 - see above
                    if self._needle in file.read():
                        found.append(int(name))
        return found

    def _descendants(self) -> list[int]:
        try:
            return [child.pid for child in psutil.Process(self._root).children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]
        except psutil.NoSuchProcess:
            return []
