"""`kestra-stream topic ...`: the topics on a broker."""

from typing import Annotated

import typer

from kestra_stream.cli.apps.options import Config, Output

app = typer.Typer(no_args_is_help=True, help="Plan, make and verify the topics on a broker.", rich_markup_mode=None)

Groups = Annotated[
    list[str] | None,
    typer.Option("-g", "--worker-group", metavar="GROUP", help="A worker group with a topic of its own.", show_default=False),
]
Alter = Annotated[bool, typer.Option("--alter", help="Change also properties of topics that differ.")]


@app.command()
def plan(config: Config = None, groups: Groups = None, output: Output = "table") -> None:
    """Say what `create` would do, and what it cannot do. Changes nothing.

    Ends with 0 when nothing is in the way, 1 when something is that only a person can change, 2 for bad settings.

    Example: kestra-stream topic plan -c engine.yaml -g gpu
    """
    from kestra_stream.cli.topics import show_plan  # noqa: PLC0415 - loads the engine

    raise typer.Exit(show_plan(config, groups or [], output))


@app.command()
def create(config: Config = None, groups: Groups = None, output: Output = "table", alter: Alter = False) -> None:  # noqa: FBT002 - an option
    """Make what is missing. Nothing is ever shrunk or deleted.

    Ends with 0 when all topics are then as they must be, 1 when something is still wrong, 2 for bad settings.

    Example: kestra-stream topic create -c engine.yaml --alter
    """
    from kestra_stream.cli.topics import create_topics  # noqa: PLC0415 - loads the engine

    raise typer.Exit(create_topics(config, groups or [], output, alter=alter))


@app.command()
def verify(config: Config = None, groups: Groups = None, output: Output = "table") -> None:
    """Name everything that is wrong, with its remedy. Changes nothing.

    Ends with 0 when all topics are as they must be (risks are told), 1 when something is missing or wrong, 2 for bad settings.

    Example: kestra-stream topic verify -c engine.yaml -o json
    """
    from kestra_stream.cli.topics import verify_topics  # noqa: PLC0415 - loads the engine

    raise typer.Exit(verify_topics(config, groups or [], output))


@app.command()
def describe(config: Config = None, groups: Groups = None, output: Output = "table") -> None:
    """Show the topics as they are on the broker.

    Example: kestra-stream topic describe -c engine.yaml
    """
    from kestra_stream.cli.topics import describe_topics  # noqa: PLC0415 - loads the engine

    raise typer.Exit(describe_topics(config, groups or [], output))
