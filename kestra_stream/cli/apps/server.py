"""`kestra-stream server ...`: one process of the engine, until it is told to stop."""

from pathlib import Path
from typing import Annotated

import typer

from kestra_stream.cli.apps.options import Config

app = typer.Typer(no_args_is_help=True, help="Run a process of the engine.", rich_markup_mode=None)

Port = Annotated[
    int | None, typer.Option("--port", metavar="PORT", help="Management port; 0 takes a free one.", show_default=False, min=0, max=65535)
]
Slots = Annotated[int | None, typer.Option("-t", "--thread", metavar="SLOTS", help="Task runs at a time.", show_default=False, min=1)]
Group = Annotated[str | None, typer.Option("-g", "--worker-group", metavar="GROUP", help="Worker group to serve.", show_default=False)]


@app.command(short_help="Decide what follows.")
def executor(config: Config = None, port: Port = None) -> None:
    """Run an executor: it decides what follows, and notices the end of workers.

    Makes and verifies the topics when it starts. Ends with 0 when told to stop (SIGTERM), 1 when it cannot go on, 2 for bad settings.

    Example: kestra-stream server executor -c engine.yaml
    """
    _serve("executor", config, port)


@app.command(short_help="Run tasks.")
def worker(config: Config = None, slots: Slots = None, group: Group = None, port: Port = None) -> None:
    """Run a worker: it runs tasks. Told to stop, it lets them end for a grace time and gives back the rest.

    Makes and verifies the topics when it starts. Ends with 0 when told to stop (SIGTERM), 1 when it cannot go on, 2 for bad settings.

    Example: kestra-stream server worker -c engine.yaml -t 32 -g gpu
    """
    _serve("worker", config, port, slots, group)


@app.command(short_help="Own the limits of concurrency.")
def limiter(config: Config = None, port: Port = None) -> None:
    """Run a limiter: it owns the limits of concurrency.

    Makes and verifies the topics when it starts. Ends with 0 when told to stop (SIGTERM), 1 when it cannot go on, 2 for bad settings.

    Example: kestra-stream server limiter -c engine.yaml
    """
    _serve("limiter", config, port)


@app.command(short_help="All components in one process.")
def standalone(config: Config = None, slots: Slots = None, group: Group = None, port: Port = None) -> None:
    """Run all components in one process.

    Without settings its log is in memory, and gone with it. Ends with 0 when it was told to stop (SIGTERM), 1 when it cannot go on, 2 for
    bad settings.

    Example: kestra-stream server standalone -c engine.yaml --port 0
    """
    _serve("standalone", config, port, slots, group)


def _serve(component: str, config: Path | None, port: int | None, slots: int | None = None, group: str | None = None) -> None:
    from kestra_stream.cli.serve import Wishes, serve  # noqa: PLC0415 - loads the engine

    raise typer.Exit(serve(component, config, Wishes(port, slots, group)))
