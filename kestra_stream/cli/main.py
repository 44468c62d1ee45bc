"""`kestra-stream`: the commands; each imports what it needs only when it runs, so that help is quick."""

import gc
import sys
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn, ParamSpec

import typer

from kestra_stream.cli.apps import dead_letter, execution, server, storage, topic
from kestra_stream.cli.apps.options import CONFIG_VARIABLE, Output
from kestra_stream.cli.exit_codes import BAD_INPUT, FAILED
from kestra_stream.errors import Invalid, KestraError

_P = ParamSpec("_P")
_HELP = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="kestra-stream",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_HELP,
)
flow_app = typer.Typer(no_args_is_help=True, help="Check and draw flows.", rich_markup_mode=None)
plugin_app = typer.Typer(no_args_is_help=True, help="Look up the types that a flow can name.", rich_markup_mode=None)
app.add_typer(flow_app, name="flow")
app.add_typer(plugin_app, name="plugin")
app.add_typer(server.app, name="server")
app.add_typer(storage.app, name="storage")
app.add_typer(dead_letter.app, name="dead-letter")
app.add_typer(execution.app, name="execution")
app.add_typer(topic.app, name="topic")

Paths = Annotated[
    list[Path], typer.Argument(metavar="PATH", help="Flow files, folders of them, or - for standard input.", show_default=False)
]


def _version(wanted: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only for this option

        typer.echo(version("kestra-stream"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")] = False,  # noqa: FBT002
) -> None:
    """Run flows written in Kestra's language, here or on an engine on Kafka.

    What speaks to an engine finds it by -c FILE, else by the file that KESTRA_CONFIGURATION_PATH names, else by variables KESTRA_*.

    Exit codes: 0 done, 1 failed, 2 bad input, 3 nothing came in time, 4 stopped at a pause, 5 left by Ctrl-C while only following.
    """


@app.command(short_help="Run a flow here, or with -c on an engine.")
def run(  # noqa: PLR0913, PLR0917 - a command has the options that people want
    paths: Paths,
    inputs: Annotated[
        list[str] | None,
        typer.Option("-i", "--input", metavar="NAME=VALUE", help="An input; NAME=@FILE takes it from a file.", show_default=False),
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option("-l", "--label", metavar="KEY=VALUE", help="A label of the execution.", show_default=False)
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Kill the run after so many seconds, or PT30S.", show_default=False)
    ] = None,
    storage: Annotated[Path, typer.Option(metavar="FOLDER", help="Where files of executions are kept.")] = Path(".storage"),
    config: Annotated[
        Path | None,
        typer.Option(
            "-c",
            "--config",
            metavar="FILE",
            help="Run it on the engine whose settings these are, not here.",
            envvar=CONFIG_VARIABLE,
            show_default=False,
        ),
    ] = None,
    output: Output = "table",
    on_pause: Annotated[
        str | None,
        typer.Option(metavar="ask|stop|resume|wait", help="What to do at a pause; ask in a terminal, else stop.", show_default=False),
    ] = None,
) -> None:
    """Run the first flow given; other files and folders hold flows for it to call.

    With -c the flows are saved on the engine of those settings and run there; this command follows.

    Ends with 0 for SUCCESS and WARNING, 1 for any other end, 2 for bad input, 3 for a timeout, 4 when it stops at a pause.
    Ctrl-C kills the execution and all its processes.

    Example: kestra-stream run hello.yaml -i name=Ada
    """
    from kestra_stream.cli.run import Request, run_flow  # noqa: PLC0415 - loads the engine

    _do(run_flow, Request(paths, inputs or [], labels or [], timeout, storage, output, on_pause, config))


@flow_app.command(short_help="Name every fault of every flow.")
def validate(paths: Paths, output: Output = "table") -> None:
    """Name every fault of every flow: where it is, what is wrong and what would be right."""
    from kestra_stream.cli.flow import validate_paths  # noqa: PLC0415 - loads the flow language

    _do(validate_paths, paths, output)


@flow_app.command()
def graph(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A flow file, or - for standard input.", show_default=False)],
    output: Annotated[str, typer.Option("-o", "--output", metavar="mermaid|dot|json", help="The language of the drawing.")] = "mermaid",
) -> None:
    """Draw the tasks of a flow."""
    from kestra_stream.cli.flow import draw  # noqa: PLC0415 - loads the flow language

    _do(draw, path, output)


@plugin_app.command("list")
def list_plugins(output: Output = "table") -> None:
    """List the types that a flow can name."""
    from kestra_stream.cli.plugin import list_types  # noqa: PLC0415 - loads the registry

    _do(list_types, output)


@plugin_app.command()
def doc(
    type_name: Annotated[str, typer.Argument(metavar="TYPE", help="A type's name, as io.kestra.plugin.core.log.Log.", show_default=False)],
) -> None:
    """Show what a type does, its properties and outputs."""
    from kestra_stream.cli.plugin import show_documentation  # noqa: PLC0415 - loads the registry

    _do(show_documentation, type_name)


@plugin_app.command()
def schema() -> None:
    """Print the JSON Schema of a flow, for editors."""
    from kestra_stream.cli.plugin import print_schema  # noqa: PLC0415 - loads the registry

    _do(print_schema)


def _do(command: Callable[_P, int], *arguments: _P.args, **options: _P.kwargs) -> NoReturn:
    """Run what a command has loaded, and leave with its exit code. All that is there by now stays: the collector need not look at it."""
    gc.freeze()
    gc.enable()
    raise typer.Exit(command(*arguments, **options))


def main() -> None:
    """Run the command line; an error of ours is one clear line, not a traceback."""
    gc.disable()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except Invalid as error:
        _end(str(error), BAD_INPUT)
    except KestraError as error:
        _end(f"{type(error).__name__}: {error}", FAILED)
    except OSError as error:
        _end(f"{error.filename or 'standard output'}: {error.strerror or error}", FAILED)
    finally:
        gc.enable()


def _end(message: str, code: int) -> NoReturn:
    """Leave with a message; what standard output could not take is dropped."""
    typer.echo(message, err=True)
    try:
        sys.stdout.flush()
    except (OSError, AttributeError):
        from kestra_stream.cli.terminal.output import hush  # noqa: PLC0415 - only then

        hush(sys.stdout)
    sys.exit(code)
