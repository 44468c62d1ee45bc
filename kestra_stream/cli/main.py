"""`kestra-stream`: the commands; each imports what it needs only when it runs, so that help is quick."""

import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from kestra_stream.cli.exit_codes import BAD_INPUT, FAILED
from kestra_stream.errors import Invalid, KestraError

app = typer.Typer(name="kestra-stream", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
flow_app = typer.Typer(no_args_is_help=True, help="Look at flows.", rich_markup_mode=None)
plugin_app = typer.Typer(no_args_is_help=True, help="Look at plugins.", rich_markup_mode=None)
app.add_typer(flow_app, name="flow")
app.add_typer(plugin_app, name="plugin")

Paths = Annotated[list[Path], typer.Argument(help="Flow files, or folders with flow files.", show_default=False)]
Output = Annotated[str, typer.Option("-o", "--output", help="table or json.")]


def _version(wanted: bool) -> None:  # noqa: FBT001 - the signature of a typer callback
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only for this option

        typer.echo(version("kestra-stream"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")] = False,  # noqa: FBT002
) -> None:
    """Run flows written in Kestra's language."""


@app.command()
def run(
    paths: Paths,
    inputs: Annotated[list[str] | None, typer.Option("-i", "--input", help="name=value, or name=@file.", show_default=False)] = None,
    labels: Annotated[list[str] | None, typer.Option("-l", "--label", help="key=value.", show_default=False)] = None,
    timeout: Annotated[str | None, typer.Option(help="Kill the run after this time: PT30S, or seconds.")] = None,
    storage: Annotated[Path, typer.Option(help="Folder of the internal storage.")] = Path(".storage"),
    output: Output = "table",
    on_pause: Annotated[str | None, typer.Option(help="At a pause: ask (in a terminal), stop, resume or wait.", show_default=False)] = None,
) -> None:
    """Run the first flow given; the others are there for it to call.

    Ends with 0 for SUCCESS and WARNING, 1 for any other end, 2 for bad input, 3 for a timeout, 4 when it stops at a pause.
    """
    from kestra_stream.cli.run import Request, run_flow  # noqa: PLC0415 - loads the engine

    raise typer.Exit(run_flow(Request(paths, inputs or [], labels or [], timeout, storage, output, on_pause)))


@flow_app.command()
def validate(paths: Paths, output: Output = "table") -> None:
    """Name every fault of every flow: where it is, what is wrong and what would be right."""
    from kestra_stream.cli.flow import validate_paths  # noqa: PLC0415 - loads the flow language

    raise typer.Exit(validate_paths(paths, output))


@flow_app.command()
def graph(
    path: Annotated[Path, typer.Argument(help="A flow file.")],
    output: Annotated[str, typer.Option("-o", "--output", help="mermaid, dot or json.")] = "mermaid",
) -> None:
    """Draw the tasks of a flow."""
    from kestra_stream.cli.flow import draw  # noqa: PLC0415 - loads the flow language

    raise typer.Exit(draw(path, output))


@plugin_app.command("list")
def list_plugins(output: Output = "table") -> None:
    """List the types that a flow can name."""
    from kestra_stream.cli.plugin import list_types  # noqa: PLC0415 - loads the registry

    raise typer.Exit(list_types(output))


@plugin_app.command()
def doc(type_name: Annotated[str, typer.Argument(metavar="TYPE", help="A type's name.")]) -> None:
    """Show what a type does, its properties and outputs."""
    from kestra_stream.cli.plugin import show_documentation  # noqa: PLC0415 - loads the registry

    raise typer.Exit(show_documentation(type_name))


@plugin_app.command()
def schema() -> None:
    """Print the JSON Schema of a flow, for editors."""
    from kestra_stream.cli.plugin import print_schema  # noqa: PLC0415 - loads the registry

    raise typer.Exit(print_schema())


def main() -> None:
    """Run the command line; an error of ours is one clear line, not a traceback."""
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


def _end(message: str, code: int) -> NoReturn:
    """Leave with a message; what standard output could not take is dropped."""
    typer.echo(message, err=True)
    try:
        sys.stdout.flush()
    except (OSError, AttributeError):
        from kestra_stream.cli.terminal.output import hush  # noqa: PLC0415 - only then

        hush(sys.stdout)
    sys.exit(code)
