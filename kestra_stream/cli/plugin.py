"""`plugin list`, `plugin doc` and `plugin schema`."""

import orjson
import typer

from kestra_stream.cli.exit_codes import OK
from kestra_stream.errors import NotFound
from kestra_stream.plugin.documentation import documentation, summary
from kestra_stream.plugin.registry import default_registry
from kestra_stream.plugin.schema import flow_schema


def list_types(output: str) -> int:
    """Print all canonical types with a line about each; return the exit code."""
    registry = default_registry()
    rows = []
    for name in registry.names():
        try:
            resolved = registry.resolve(name)
        except NotFound as error:
            rows.append({"type": name, "summary": str(error)})
            continue
        if not resolved.is_alias:
            rows.append({"type": name, "summary": summary(resolved.cls)})
    if output == "json":
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2))
    else:
        width = max(len(row["type"]) for row in rows)
        for row in rows:
            typer.echo(f"{row['type']:<{width}}  {row['summary']}")
    return OK


def show_documentation(type_name: str) -> int:
    """Print the documentation of a type as Markdown; return the exit code."""
    typer.echo(documentation(default_registry().resolve(type_name)))
    return OK


def print_schema() -> int:
    """Print the JSON Schema of a flow; return the exit code."""
    typer.echo(orjson.dumps(flow_schema(default_registry()), option=orjson.OPT_INDENT_2))
    return OK
