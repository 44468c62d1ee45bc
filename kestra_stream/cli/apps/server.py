"""`kestra-stream server ...`: one process of the engine, until it is told to stop."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Run a process of the engine.", rich_markup_mode=None)

Config = Annotated[
    Path | None,
    typer.Option("-c", "--config", metavar="FILE", help="Settings, as YAML; variables KESTRA_* win over it.", show_default=False),
]
Port = Annotated[
    int | None, typer.Option("--port", metavar="PORT", help="Management port; 0 takes a free one.", show_default=False, min=0, max=65535)
]
Slots = Annotated[int | None, typer.Option("-t", "--thread", metavar="SLOTS", help="Task runs at a time.", show_default=False, min=1)]
Group = Annotated[str | None, typer.Option("-g", "--worker-group", metavar="GROUP", help="Worker group to serve.", show_default=False)]


@app.command()
def executor(config: Config = None, port: Port = None) -> None:
    """Run an executor: it decides what follows, and notices the end of workers."""
    _serve("executor", config, port)


@app.command()
def worker(config: Config = None, slots: Slots = None, group: Group = None, port: Port = None) -> None:
    """Run a worker: it runs tasks."""
    _serve("worker", config, port, slots, group)


@app.command()
def limiter(config: Config = None, port: Port = None) -> None:
    """Run a limiter: it owns the limits of concurrency."""
    _serve("limiter", config, port)


@app.command()
def standalone(config: Config = None, slots: Slots = None, group: Group = None, port: Port = None) -> None:
    """Run all components in one process."""
    _serve("standalone", config, port, slots, group)


def _serve(component: str, config: Path | None, port: int | None, slots: int | None = None, group: str | None = None) -> None:
    from kestra_stream.cli.serve import Wishes, serve  # noqa: PLC0415 - loads the engine

    raise typer.Exit(serve(component, config, Wishes(port, slots, group)))
