"""`storage clean`: settings in, one sweep, what has gone out."""

import os
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import typer

from kestra_stream.assembly.backend import clock_of, open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.cli.exit_codes import OK
from kestra_stream.cli.terminal.output import json_text, table_or_json, write_out
from kestra_stream.errors import Invalid
from kestra_stream.models.duration import parse_duration
from kestra_stream.runtime.cleaner import moment_of
from kestra_stream.settings import load_settings

_LEAST = timedelta(minutes=1)


def clean_storage(config: Path | None, age: str | None, output: str = "table", *, dry_run: bool) -> int:
    """Sweep once and tell what has gone.

    Raises:
        Invalid: the age is no duration or too short, or the log cannot tell what is still named.
    """
    is_json, settings = table_or_json(output) == "json", load_settings(config, os.environ)
    least = settings.storage.cleanup.age if age is None else _duration(age)
    clock = clock_of(settings)
    backend = open_backend(settings, clock)
    try:
        if backend.family == "memory":
            raise Invalid(
                "kestra.queue.type: the log in memory ends with its process, and cannot tell which files are still named; nothing was done"
            )
        swept = Equipment(settings, backend, clock).sweep().run(moment_of(backend.storage) - least, dry=dry_run)
    finally:
        backend.log.close()
    if is_json:
        write_out(json_text({"dryRun": dry_run, **asdict(swept)}))
        return OK
    verb = "would go" if dry_run else "went"
    typer.echo(f"{swept.outputs} big values and {swept.messages} big records {verb}, {swept.size} bytes in all")
    if not dry_run:
        typer.echo(f"{swept.unfinished} uploads that were cut off went")
    return OK


def _duration(text: str) -> timedelta:
    try:
        age = parse_duration(text)
    except ValueError as error:
        raise Invalid(f"--age: {error}") from None
    if age < _LEAST:
        raise Invalid("--age must be a minute at least: what an attempt has just stored is not named yet")
    return age
