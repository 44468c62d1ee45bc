"""`flow validate` and `flow graph`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import typer

from kestra_stream.cli.drawing import drawn
from kestra_stream.cli.exit_codes import BAD_INPUT, OK
from kestra_stream.cli.sources import read_all
from kestra_stream.cli.terminal.output import json_text, table_or_json, write_out
from kestra_stream.engine.graph import flow_graph
from kestra_stream.errors import Fault, Invalid, InvalidFlow
from kestra_stream.plugin.flow_source import ParsedFlow


def validate_paths(paths: Sequence[Path], output: str) -> int:
    """Print the faults of all flows; return the exit code."""
    is_json = table_or_json(output) == "json"
    parsed = [one for ones in read_all(paths).values() for one in ones]
    notes: dict[str, list[Fault]] = {
        "faults": [note for one in parsed for note in one.faults],
        "warnings": [note for one in parsed for note in one.warnings],
        "infos": [note for one in parsed for note in one.infos],
    }
    if is_json:
        write_out(json_text({"flows": len(parsed)} | {name: list(map(asdict, found)) for name, found in notes.items()}))
    else:
        _print_notes(parsed)
        write_out(
            f"{_counted(len(parsed), 'flow')}, {_counted(len(notes['faults']), 'fault')}, {_counted(len(notes['warnings']), 'warning')}\n"
        )
    return BAD_INPUT if notes["faults"] else OK


def _print_notes(parsed: Sequence[ParsedFlow]) -> None:
    """Print what is wrong, or worth a word, document by document."""
    for one in parsed:
        for kind, found in ((" (info)", one.infos), (" (warning)", one.warnings), ("", one.faults)):
            for note in found:
                typer.echo(f"{note}{kind}", err=True)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def draw(path: Path, output: str) -> int:
    """Print the graph of the flow in a file.

    Raises:
        Invalid: the flow has faults, the file holds several, or there is no such style.
    """
    parsed = [one for ones in read_all([path]).values() for one in ones]
    faults = [fault for one in parsed for fault in one.faults]
    if faults:
        raise InvalidFlow(faults)
    flows = [one.flow for one in parsed if one.flow is not None]
    if len(flows) != 1:
        raise Invalid(f"{path} holds {len(flows)} flows; a graph shows one: {', '.join(flow.id for flow in flows)}")
    write_out(drawn(flow_graph(flows[0]), output))
    return OK
