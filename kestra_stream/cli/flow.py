"""`flow validate` and `flow graph`."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import orjson
import typer

from kestra_stream.cli.exit_codes import BAD_INPUT, OK
from kestra_stream.cli.sources import flow_files, read_flows
from kestra_stream.engine.graph import flow_graph, render_graph
from kestra_stream.errors import Fault


def validate_paths(paths: Sequence[Path], output: str) -> int:
    """Print the faults of all flows; return the exit code."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    infos: list[Fault] = []
    flows = 0
    for path in flow_files(paths):
        for parsed in read_flows(path):
            flows += 1
            faults.extend(parsed.faults)
            warnings.extend(parsed.warnings)
            infos.extend(parsed.infos)
    if output == "json":
        notes = {"faults": faults, "warnings": warnings, "infos": infos}
        document = {"flows": flows} | {name: [asdict(one) for one in found] for name, found in notes.items()}
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    else:
        for info in infos:
            typer.echo(f"{info} (info)", err=True)
        for warning in warnings:
            typer.echo(f"{warning} (warning)", err=True)
        for fault in faults:
            typer.echo(str(fault), err=True)
        typer.echo(f"{flows} flow{'s' if flows != 1 else ''}, {len(faults)} fault{'s' if len(faults) != 1 else ''}")
    return BAD_INPUT if faults else OK


def draw(path: Path, output: str) -> int:
    """Print the graph of a flow; return the exit code."""
    parsed = [one for file in flow_files([path]) for one in read_flows(file)]
    faults = [fault for one in parsed for fault in one.faults]
    if faults:
        for fault in faults:
            typer.echo(str(fault), err=True)
        return BAD_INPUT
    for one in parsed:
        if one.flow is not None:
            typer.echo(render_graph(flow_graph(one.flow), output))
    return OK
