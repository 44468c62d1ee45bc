"""What a person sees during a run: a live tree in a terminal, plain log lines elsewhere, nothing for JSON."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol, Self

import typer

from kestra_stream.assembly import Standalone
from kestra_stream.cli.follower import Followed, Follower
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.input import Input
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import S, StateType

_MOST_CHILDREN = 12
_COLOURS: Mapping[StateType, str] = {
    S.SUCCESS: "green",
    S.RUNNING: "blue",
    S.WARNING: "yellow",
    S.FAILED: "red",
    S.KILLED: "magenta",
    S.KILLING: "magenta",
    S.PAUSED: "cyan",
    S.RETRYING: "yellow",
    S.SKIPPED: "dim",
}
_LEVELS: Mapping[Level, str] = {Level.TRACE: "dim", Level.DEBUG: "dim", Level.INFO: "", Level.WARN: "yellow", Level.ERROR: "red"}


class Screen(Protocol):
    """Where a run is shown."""

    def show(self, lines: Sequence[LogEntry]) -> None:
        """Show new log lines and the present state."""
        ...

    def ask(self, inputs: Sequence[Input]) -> Mapping[str, Any]:
        """Ask a person for values."""
        ...


@contextmanager
def screen_for(engine: Standalone, follower: Follower, execution_id: str, output: str) -> Iterator[Screen]:
    """Give the screen that fits the output and the terminal."""
    if output == "json":
        yield Silent()
    elif sys.stdout.isatty():
        with LiveTree(engine, follower, execution_id) as screen:
            yield screen
    else:
        yield PlainLines()


class Silent:
    """Shows nothing: standard output carries one document."""

    def show(self, lines: Sequence[LogEntry]) -> None:
        """Show nothing."""

    def ask(self, inputs: Sequence[Input]) -> Mapping[str, Any]:
        """Nobody is asked."""
        del inputs
        return {}


class PlainLines(Silent):
    """Prints log lines as they come."""

    def show(self, lines: Sequence[LogEntry]) -> None:
        """Print the lines."""
        for entry in lines:
            typer.echo(f"{entry.timestamp:%H:%M:%S.%f} {entry.level.value:<5} {entry.task_id or entry.flow_id}: {entry.message}")


class LiveTree:
    """The tree of task runs, redrawn in place, with the log lines above it."""

    def __init__(self, engine: Standalone, follower: Follower, execution_id: str) -> None:
        from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
        from rich.live import Live  # noqa: PLC0415 - only where there is a terminal

        self._engine = engine
        self._follower = follower
        self._id = execution_id
        self._console = Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.show(())
        self._live.stop()

    def show(self, lines: Sequence[LogEntry]) -> None:
        """Print the lines and redraw the tree."""
        from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

        for entry in lines:
            line = Text(f"{entry.timestamp:%H:%M:%S} ", style="dim")
            line.append(f"{entry.level.value:<5} ", style=_LEVELS[entry.level] or "green")
            line.append(f"{entry.task_id or entry.flow_id}: ", style="bold")
            line.append(entry.message, style=_LEVELS[entry.level])
            self._live.console.print(line, soft_wrap=True)
        known = self._follower.executions.get(self._id)
        if known is not None:
            self._live.update(self._tree(known), refresh=True)

    def ask(self, inputs: Sequence[Input]) -> Mapping[str, Any]:
        """Ask for the values of `onResume`."""
        self._live.stop()
        values: dict[str, Any] = {}
        self._console.print("[cyan]The execution is paused.[/]")
        for one in inputs:
            shown = "" if one.defaults is None else f" \\[{one.defaults}]"
            answer = self._console.input(f"{one.display_name or one.id} ({one.type}){shown}: ")
            if answer:
                values[one.id] = answer
        if not inputs:
            self._console.input("Press Enter to resume. ")
        self._live.start()
        return values

    def _tree(self, known: Followed) -> Any:
        from rich.tree import Tree  # noqa: PLC0415 - only where there is a terminal

        head = known.head
        tree = Tree(_label(f"{head.namespace}.{head.flow_id}", head.state.current, _elapsed(head.state.start_date, head.state.end_date)))
        self._add(tree, known, None)
        return tree

    def _add(self, branch: Any, known: Followed, parent_id: str | None) -> None:
        """Add the runs below a flowable; of many, those that are open and the last ones."""
        ids = known.children.get(parent_id, [])
        shown = ids
        if len(ids) > _MOST_CHILDREN:
            still_open = [run_id for run_id in ids[-200:] if not known.runs[run_id].state.is_terminal]
            shown = (still_open or ids)[-_MOST_CHILDREN:]
            branch.add(f"[dim]... {len(ids) - len(shown)} more[/]")
        for run_id in shown:
            run = known.runs[run_id]
            self._add(branch.add(self._line(known, run)), known, run_id)

    def _line(self, known: Followed, run: TaskRun) -> str:
        name = run.task_id if run.value is None else f"{run.task_id} [dim]{_short(run.value)}[/]"
        extra = ""
        if run.id in known.children:
            total = self._engine.executor.loop_size(known.head.id, run.id) or len(known.children[run.id])
            extra = f" {known.ended.get(run.id, 0)}/{max(total, len(known.children[run.id]))}"
        return _label(name, run.state.current, _elapsed(run.state.start_date, run.state.end_date) + extra)


def _label(name: str, state: StateType, tail: str) -> str:
    colour = _COLOURS.get(state, "white")
    return f"{name} [{colour}]{state.value}[/] [dim]{tail}[/]"


def _elapsed(start: datetime, end: datetime | None) -> str:
    seconds = ((end or datetime.now(start.tzinfo)) - start).total_seconds()
    return f"{seconds:.2f}s"


def _short(value: str) -> str:
    text = value if len(value) <= 40 else f"{value[:37]}..."  # noqa: PLR2004 - a line stays a line
    return text.replace("[", "\\[")
