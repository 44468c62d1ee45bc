"""Live tree: the tree of task runs, redrawn in place, with the log lines above it."""

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from kestra_stream.cli.terminal.output import hush
from kestra_stream.cli.terminal.styled import StyledLine, fitting, log_line, tree_lines
from kestra_stream.cli.terminal.throttle import Throttle
from kestra_stream.cli.terminal.view import FINAL_LINES, View
from kestra_stream.models.records import LogEntry

_FRAME = 0.1
_LONGEST_MESSAGE = 2_000
_MARGIN = 2


class LiveTree:
    """A terminal: at most ten frames a second, and of many log lines in one frame those that matter."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._console = Console(highlight=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._entries: list[LogEntry] = []
        self._throttle = Throttle()
        self._drawn = 0.0
        self._is_asking = False

    def __enter__(self) -> Self:
        with _or_nowhere():
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        with _or_nowhere():
            self._live.stop()

    def show(self, entries: Sequence[LogEntry]) -> None:
        """Print the lines and redraw the tree, unless it was drawn a moment ago: then they wait."""
        self._entries += entries
        if not self._is_asking and time.monotonic() - self._drawn >= _FRAME:
            self._draw(self._console.height - _MARGIN)

    def say(self, lines: Sequence[StyledLine], end: str = "\n") -> None:
        """Print lines above the tree, or below it once the run has ended."""
        if lines:
            with _or_nowhere():
                self._console.print(self._text(lines), soft_wrap=True, end=end)

    def end(self) -> None:
        """Draw the last tree."""
        self._draw(FINAL_LINES, is_last=True)
        with _or_nowhere():
            self._live.stop()

    @contextmanager
    def pausing(self) -> Generator[None, None, None]:
        """Leave the terminal to a question; the tree as it is stays above it."""
        self._draw(self._console.height - _MARGIN, is_last=True)
        with _or_nowhere():
            self._live.stop()
        self._is_asking = True
        try:
            yield
        finally:
            self._is_asking = False
            self._live = Live(console=self._console, auto_refresh=False)
            with _or_nowhere():
                self._live.start()

    def _draw(self, most_lines: int, *, is_last: bool = False) -> None:
        entries, self._entries = self._entries, []
        tree = self._view.tree(max(most_lines, 1))
        if tree is not None:
            text = self._text(list(tree_lines(tree)))
            text.no_wrap, text.overflow = True, "ellipsis"
            self._live.update(text)
        follower, main_id = self._view.follower, self._view.main_id
        shown = self._throttle.passed(entries, time.monotonic())
        lines = [log_line(follower, main_id, entry, _LONGEST_MESSAGE) for entry in shown]
        if self._throttle.left_out and (shown or is_last):
            count = self._throttle.take_left_out()
            lines.append(((f"… {count:,} more log lines (-o json prints them all)", "dim"),))
        self.say(lines)
        with _or_nowhere():
            self._live.refresh()
        self._drawn = time.monotonic()

    def _text(self, lines: Sequence[StyledLine]) -> Text:
        encoding = self._console.encoding
        return Text("\n").join(Text.assemble(*((fitting(piece, encoding), style) for piece, style in line)) for line in lines)


@contextmanager
def _or_nowhere() -> Generator[None, None, None]:
    """Let what is drawn lead nowhere once the terminal is gone: the run is to end as it should all the same."""
    try:
        yield
    except OSError:
        hush(sys.stdout)
