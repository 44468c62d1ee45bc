"""`kestra-stream storage ...`: look after the internal storage."""

from typing import Annotated

import typer

from kestra_stream.cli.apps.options import Config, Output

app = typer.Typer(no_args_is_help=True, help="Look after the internal storage.", rich_markup_mode=None)

Age = Annotated[
    str | None,
    typer.Option(metavar="DURATION", help="Leave alone what is younger, as P1D; else kestra.storage.cleanup.age.", show_default=False),
]


@app.callback()
def root() -> None:
    """Look after the internal storage."""


@app.command(short_help="Delete files that nothing names any more.")
def clean(
    config: Config = None,
    age: Age = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell how many there are.")] = False,  # noqa: FBT002
    output: Output = "table",
) -> None:
    """Delete files that no record of the log names any more, and what uploads that were cut off have left.

    Executors do this by themselves, as kestra.storage.cleanup says.

    Example: kestra-stream storage clean -c engine.yaml --dry-run --age PT6H
    """
    from kestra_stream.cli.apps.cleaning import clean_storage  # noqa: PLC0415 - loads the engine

    raise typer.Exit(clean_storage(config, age, output, dry_run=dry_run))
