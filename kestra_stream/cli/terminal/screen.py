"""Screen: where a run is shown: a live tree in a terminal, plain log lines elsewhere, nothing where one document is wanted."""

import contextlib
import sys
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from kestra_stream.cli.terminal.output import is_terminal, write_out
from kestra_stream.cli.terminal.styled import StyledLine, joined, log_line, tree_lines
from kestra_stream.cli.terminal.view import FINAL_LINES, View
from kestra_stream.models.records import LogEntry


class Screen(Protocol):
    """Where a run is shown."""

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Show new log lines and the present state."""
        ...

    def say(self, lines: Sequence[StyledLine], end: str = "\n") -> None:
        """Tell the person something."""
        ...

    def end(self) -> None:
        """Show the state in which the run ended."""
        ...

    def pausing(self) -> AbstractContextManager[None]:
        """Leave the terminal to a question for a while."""
        ...


@contextmanager
def screen_for(view: View, output: str) -> Generator[Screen, None, None]:
    """Give the screen that fits the output and the terminal."""
    if output == "json":
        yield Silent()
    elif is_terminal(sys.stdout):
        from kestra_stream.cli.terminal.live import LiveTree  # noqa: PLC0415 - rich is for terminals

        with LiveTree(view) as screen:
            yield screen
    else:
        yield PlainLines(view)


class Silent:
    """Shows nothing: standard output carries one document."""

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Show nothing."""

    def say(self, lines: Sequence[StyledLine], end: str = "\n") -> None:
        """Say nothing."""

    def end(self) -> None:
        """Show nothing."""

    def pausing(self) -> AbstractContextManager[None]:
        """Nothing is on the screen."""
        return contextlib.nullcontext()


class PlainLines(Silent):
    """Prints log lines as they come, and the tree at the end."""

    def __init__(self, view: View) -> None:
        self._view = view

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Print the lines."""
        self.say([log_line(self._view.follower, self._view.main_id, entry) for entry in entries])

    def say(self, lines: Sequence[StyledLine], end: str = "\n") -> None:
        """Print lines without colours."""
        if lines:
            write_out("\n".join(joined(line) for line in lines) + end)

    def end(self) -> None:
        """Print the tree."""
        tree = self._view.tree(FINAL_LINES)
        if tree is not None:
            self.say([(), *tree_lines(tree)])
