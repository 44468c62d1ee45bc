"""`plugin list`, `plugin doc` and `plugin schema`."""

import sys
from shutil import get_terminal_size

from kestra_stream.cli.exit_codes import OK
from kestra_stream.cli.terminal.output import is_terminal, json_text, table_or_json, write_out
from kestra_stream.cli.terminal.picture import short
from kestra_stream.errors import Invalid, NotFound
from kestra_stream.plugin.documentation import documentation, summary
from kestra_stream.plugin.registry import default_registry
from kestra_stream.plugin.schema import flow_schema


def list_types(output: str) -> int:
    """Print all canonical types with a line about each; return the exit code."""
    is_json = table_or_json(output) == "json"
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
    if is_json:
        write_out(json_text(rows))
        return OK
    width = max(len(row["type"]) for row in rows)
    room = max(get_terminal_size().columns - width - 2, 0) if is_terminal(sys.stdout) else None
    lines = (f"{row['type']:<{width}}  {row['summary'] if room is None else short(row['summary'], room)}" for row in rows)
    write_out("".join(f"{line.rstrip()}\n" for line in lines))
    return OK


def show_documentation(type_name: str) -> int:
    """Print the documentation of a type: laid out in a terminal, else as Markdown; return the exit code.

    Raises:
        Invalid: there is no such type.
    """
    try:
        text = documentation(default_registry().resolve(type_name))
    except NotFound as error:
        raise Invalid(str(error)) from error
    if is_terminal(sys.stdout):
        from kestra_stream.cli.terminal.page import print_page  # noqa: PLC0415 - rich is for terminals

        print_page(text)
    else:
        write_out(text + "\n")
    return OK


def print_schema() -> int:
    """Print the JSON Schema of a flow; return the exit code."""
    write_out(json_text(flow_schema(default_registry())))
    return OK
