"""Output: texts and documents to standard output, whatever it is."""

import contextlib
import os
import sys
from typing import TextIO

import orjson

from kestra_stream.cli.terminal.styled import fitting
from kestra_stream.errors import Invalid


def table_or_json(output: str) -> str:
    """Return the name of an output. Raises Invalid for one that there is not."""
    if output not in {"table", "json"}:
        raise Invalid(f"-o {output}: it must be table or json")
    return output


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a standard stream is open and a terminal."""
    return stream is not None and not stream.closed and stream.isatty()


def json_text(value: object) -> str:
    """Write a document."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode() + "\n"


def write_out(text: str) -> None:
    """Write to standard output; when nobody reads it any more, what goes on goes on without.

    Raises:
        OSError: it is read, but cannot be written, as on a full disk.
    """
    if not text or sys.stdout is None:
        return
    try:
        sys.stdout.write(fitting(text, sys.stdout.encoding))
        sys.stdout.flush()
    except BrokenPipeError:
        hush(sys.stdout)


def hush(stream: TextIO) -> None:
    """Let a stream lead nowhere, so that what is left in it makes no trouble at the end of the process."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
