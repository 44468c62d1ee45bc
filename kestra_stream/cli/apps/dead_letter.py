"""`kestra-stream dead-letter ...`: look at records that nobody could read or process, mend them, and put them back."""

from typing import Annotated

import typer

from kestra_stream.cli.apps.options import Config, Output

app = typer.Typer(no_args_is_help=True, help="Look at dead letters, mend them, put them back.", rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="A letter's id, as execution_inbox/3/1234.", show_default=False)]
Ids = Annotated[
    list[str],
    typer.Argument(metavar="ID...|all", help="Letters by their ids; or all open ones that the options let through.", show_default=False),
]
Topic = Annotated[str | None, typer.Option(metavar="TOPIC", help="Only records of this topic.", show_default=False)]
Since = Annotated[str | None, typer.Option(metavar="TIME", help="Only what was given up since: a moment, or PT1H.", show_default=False)]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Only what was given up before.", show_default=False)]
Error = Annotated[str | None, typer.Option(metavar="TEXT", help="Only those whose error has this text.", show_default=False)]


@app.command("list", short_help="List dead letters.")
def list_(
    config: Config = None,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    error: Error = None,
    state: Annotated[str | None, typer.Option(metavar="open|redriven|discarded", help="Only those.", show_default=False)] = None,
    output: Output = "table",
) -> None:
    """List dead letters, oldest first, with what has become of them.

    Example: kestra-stream dead-letter list -c engine.yaml --since PT1H --state open
    """
    from kestra_stream.cli.engine.elsewhere import remote_log  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.letters.commands import Wanted, list_letters  # noqa: PLC0415

    wanted = Wanted(topic=topic, since=since, until=until, error=error, state=state)
    with remote_log(config) as log:
        raise typer.Exit(list_letters(log, wanted, output))


@app.command(short_help="Show a dead letter.")
def show(name: Id, config: Config = None, output: Output = "table") -> None:
    """Show all of a dead letter: its origin, its error, its key, headers and value (text, or a dump of the bytes).

    Example: kestra-stream dead-letter show execution_inbox/3/1234 -c engine.yaml
    """
    from kestra_stream.cli.engine.elsewhere import remote_log  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.letters.commands import show_letter  # noqa: PLC0415

    with remote_log(config) as log:
        raise typer.Exit(show_letter(log, name, output))


@app.command(short_help="Mend a dead letter.")
def edit(
    name: Id,
    source: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="The new value; - for standard input; else $EDITOR.", show_default=False)
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Take any bytes, whatever the topic carries.")] = False,  # noqa: FBT002
    key: Annotated[str | None, typer.Option(metavar="KEY", help="Give the record another key.", show_default=False)] = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Store another value for a dead letter. It must be what the topic carries; `redrive` then sends it.

    Example: kestra-stream dead-letter edit execution_inbox/3/1234 mended.json -c engine.yaml
    """
    from kestra_stream.cli.engine.elsewhere import remote_log  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.letters.commands import Edit, edit_letter  # noqa: PLC0415

    with remote_log(config) as log:
        raise typer.Exit(edit_letter(log, Edit(name, source, raw, key), output))


@app.command(short_help="Put dead letters back.")
def redrive(
    names: Ids,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    error: Error = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Put records back where they came from: same topic, partition, key, headers and value. Each is put back once.

    Example: kestra-stream dead-letter redrive all --topic execution_inbox --since PT1H -c engine.yaml
    """
    from kestra_stream.cli.engine.elsewhere import remote_log  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.letters.commands import Wanted, redrive_letters  # noqa: PLC0415

    wanted = Wanted(tuple(names), topic, since, until, error)
    with remote_log(config) as log:
        raise typer.Exit(redrive_letters(log, wanted, output))


@app.command(short_help="Mark dead letters as done with.")
def discard(
    names: Ids,
    topic: Topic = None,
    since: Since = None,
    until: Until = None,
    error: Error = None,
    config: Config = None,
    output: Output = "table",
) -> None:
    """Mark dead letters as done with; they stay to be looked at as long as the topic keeps them, but cannot be redriven.

    Example: kestra-stream dead-letter discard all --topic log --until 2030-01-31T12:00:00Z -c engine.yaml
    """
    from kestra_stream.cli.engine.elsewhere import remote_log  # noqa: PLC0415 - loads the engine
    from kestra_stream.cli.letters.commands import Wanted, discard_letters  # noqa: PLC0415

    wanted = Wanted(tuple(names), topic, since, until, error)
    with remote_log(config) as log:
        raise typer.Exit(discard_letters(log, wanted, output))
