"""`kestra-stream execution ...`: commands for executions on the log that a settings file names."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from kestra_stream.cli.apps.options import Config, Output

app = typer.Typer(no_args_is_help=True, help="Start, follow and steer executions on an engine.", rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of an execution.", show_default=False)]
Inputs = Annotated[
    list[str] | None,
    typer.Option("-i", "--input", metavar="NAME=VALUE", help="An input; NAME=@FILE takes it from a file.", show_default=False),
]
Labels = Annotated[
    list[str] | None, typer.Option("-l", "--label", metavar="KEY=VALUE", help="A label of the execution.", show_default=False)
]
Wait = Annotated[bool, typer.Option("--wait", help="Follow the execution to its end; Ctrl-C leaves it running.")]
Revision = Annotated[int | None, typer.Option(metavar="N", help="Another revision of the flow.", show_default=False, min=1)]
Patience = Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for the executor's answer.", min=0.0)]
OnPause = Annotated[
    str | None,
    typer.Option(metavar="ask|stop|resume|wait", help="What to do at a pause; ask in a terminal, else stop.", show_default=False),
]
_PATIENCE = 10.0


@app.command(short_help="Start a flow that is on the log.")
def start(  # noqa: PLR0913, PLR0917 - a command has the options that people want
    names: Annotated[list[str], typer.Argument(metavar="NAMESPACE.FLOW", help="Or both names apart: NAMESPACE FLOW.", show_default=False)],
    config: Config = None,
    inputs: Inputs = None,
    labels: Labels = None,
    revision: Revision = None,
    wait: Wait = False,  # noqa: FBT002 - an option
    on_pause: OnPause = None,
    patience: Patience = _PATIENCE,
    output: Output = "table",
) -> None:
    """Start a flow that is on the log; with --wait follow it to its end.

    Ends with 0 once an executor has taken it up, 3 when none has for so long (the execution waits in the log); with --wait as `run` does.

    Example: kestra-stream execution start company.team.hello -c engine.yaml -i name=Ada --wait
    """
    from kestra_stream.cli.engine.client import remote  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.execution.following import Wish  # noqa: PLC0415
    from kestra_stream.cli.execution.following import start as start_it  # noqa: PLC0415
    from kestra_stream.cli.run import terms_of  # noqa: PLC0415
    from kestra_stream.errors import Invalid  # noqa: PLC0415

    if len(names) > 2 or (len(names) == 1 and "." not in names[0]):  # noqa: PLR2004 - namespace and flow
        raise Invalid(f"{' '.join(names)}: write NAMESPACE.FLOW, or NAMESPACE FLOW")
    terms = terms_of(on_pause, None, output, kills=False) if wait else None
    with remote(config, keeps=output == "json" and wait) as client:
        wish = Wish(names, revision or 0, inputs or [], labels or [])
        raise typer.Exit(start_it(client, wish, terms, patience, output))


@app.command(short_help="Follow an execution to its end.")
def follow(
    execution_id: Id,
    config: Config = None,
    timeout: Annotated[str | None, typer.Option(metavar="DURATION", help="Leave after so long.", show_default=False)] = None,
    on_pause: OnPause = "wait",
    output: Output = "table",
) -> None:
    """Show an execution from its beginning to its end, with what it logs.

    Ends as `run` does: 0 for SUCCESS and WARNING, 1 for any other end, 3 for a timeout, 4 when it stops at a pause; 5 for Ctrl-C, which
    leaves the execution running.

    Example: kestra-stream execution follow 0353tfcvk9L12jT6ahqQLn -c engine.yaml
    """
    from kestra_stream.cli.engine.client import remote  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.execution.following import follow as follow_it  # noqa: PLC0415
    from kestra_stream.cli.run import terms_of  # noqa: PLC0415

    with remote(config, keeps=output == "json") as client:
        raise typer.Exit(follow_it(client, execution_id, terms_of(on_pause, timeout, output, kills=False), output))


@app.command(short_help="End an execution.")
def kill(execution_id: Id, config: Config = None, patience: Patience = _PATIENCE, output: Output = "table") -> None:
    """End an execution and those that it has called.

    Example: kestra-stream execution kill 0353tfcvk9L12jT6ahqQLn -c engine.yaml
    """
    _order("kill", execution_id, config, patience, output)


@app.command(short_help="Let nothing new start in an execution.")
def pause(execution_id: Id, config: Config = None, patience: Patience = _PATIENCE, output: Output = "table") -> None:
    """Let nothing new start in an execution; what runs goes on."""
    _order("pause", execution_id, config, patience, output)


@app.command(short_help="Let a paused execution go on.")
def resume(
    execution_id: Id, config: Config = None, inputs: Inputs = None, patience: Patience = _PATIENCE, output: Output = "table"
) -> None:
    """Let a paused execution go on, with the values that its pause asks for.

    Example: kestra-stream execution resume 0353tfcvk9L12jT6ahqQLn -c engine.yaml -i approved=true
    """
    _order("resume", execution_id, config, patience, output, given=inputs or [])


@app.command(short_help="Run an ended execution again from where it failed.")
def restart(
    execution_id: Id, config: Config = None, revision: Revision = None, patience: Patience = _PATIENCE, output: Output = "table"
) -> None:
    """Run an ended or paused execution again from where it failed; with --revision as a new execution."""
    _order("restart", execution_id, config, patience, output, revision=revision)


@app.command(short_help="Create an execution from another one.")
def replay(
    execution_id: Id,
    config: Config = None,
    task_run: Annotated[str | None, typer.Option(metavar="ID", help="From this task run on.", show_default=False)] = None,
    revision: Revision = None,
    patience: Patience = _PATIENCE,
    output: Output = "table",
) -> None:
    """Create an execution from another one, from the start or from a task run; `history -o json` has their ids.

    Example: kestra-stream execution replay 0353tfcvk9L12jT6ahqQLn -c engine.yaml --revision 3
    """
    _order("replay", execution_id, config, patience, output, task_run_id=task_run, revision=revision)


@app.command("force-run")
def force_run(execution_id: Id, config: Config = None, patience: Patience = _PATIENCE, output: Output = "table") -> None:
    """Run a created, queued or paused execution now, past any limit."""
    _order("force_run", execution_id, config, patience, output)


@app.command(short_help="Show every state that an execution ever had.")
def history(
    execution_id: Id,
    config: Config = None,
    seq: Annotated[int | None, typer.Option("--seq", metavar="N", help="What it was after this event.", show_default=False, min=1)] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="What it was then, as 2030-01-31T10:00Z.", show_default=False)
    ] = None,
    output: Output = "table",
) -> None:
    """Show what each event of an execution changed; with --seq or --at what it was at that moment.

    Reads nothing but the log. What the log has lost, or has twice, is told.

    Example: kestra-stream execution history 0353tfcvk9L12jT6ahqQLn -c engine.yaml --at 2030-01-31T10:00Z -o json
    """
    from kestra_stream.cli.engine.elsewhere import remote_log  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.execution.told import tell_history, wanted_moment  # noqa: PLC0415

    wanted = wanted_moment(seq, at, output)
    with remote_log(config) as log:
        raise typer.Exit(tell_history(log, execution_id, datetime.now(UTC), wanted, output))


def _order(name: str, execution_id: str, config: Path | None, patience: float, output: str, **details: object) -> NoReturn:
    from kestra_stream.cli.engine.client import remote  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.execution.orders import ORDERS  # noqa: PLC0415
    from kestra_stream.cli.execution.told import tell_answer  # noqa: PLC0415
    from kestra_stream.cli.terminal.output import table_or_json  # noqa: PLC0415

    table_or_json(output)
    with remote(config, keeps=False) as client:
        raise typer.Exit(tell_answer(ORDERS[name](client, execution_id, patience, **details), patience, output))
