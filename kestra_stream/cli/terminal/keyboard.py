"""Keyboard: lines that a person types, read without holding up what goes on meanwhile."""

import contextlib
import os
import select
import sys
import termios
from collections.abc import Callable, Generator
from contextlib import contextmanager

_LOOK = 0.1


class Keyboard:
    """Reads lines from a terminal.

    Args:
        idle: called ten times a second while nobody types; what it raises ends the question.
    """

    def __init__(self, idle: Callable[[], None]) -> None:
        self._idle = idle
        self._descriptor = sys.stdin.fileno()
        self._typed = b""

    def line(self, *, hidden: bool = False) -> str:
        """Return the next line.

        Raises:
            EOFError: the person has ended the input (Ctrl-D), or the terminal is gone.
        """
        with self._echo_off() if hidden else contextlib.nullcontext():
            while b"\n" not in self._typed:
                self._idle()
                if not select.select([self._descriptor], [], [], _LOOK)[0]:
                    continue
                self._read()
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace").rstrip("\r")

    def _read(self) -> None:
        try:
            typed = os.read(self._descriptor, 4096)
        except OSError as error:
            raise EOFError from error
        if not typed:
            raise EOFError
        self._typed += typed

    @contextmanager
    def _echo_off(self) -> Generator[None, None, None]:
        before = termios.tcgetattr(self._descriptor)
        silent = list(before)
        silent[3] &= ~termios.ECHO
        termios.tcsetattr(self._descriptor, termios.TCSADRAIN, silent)
        try:
            yield
        finally:
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, before)
            sys.stdout.write("\n")
