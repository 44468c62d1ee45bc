"""Values given on the command line: `name=value`, `name=@file`, `key=value`, durations."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from kestra_stream.errors import Invalid
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.execution import Label
from kestra_stream.models.flow import Flow
from kestra_stream.models.input import FileInput


def given_inputs(flow: Flow, pairs: Sequence[str]) -> Mapping[str, Any]:
    """Return values by input id: a path for `@file` of a FILE input, the file's text for any other.

    Raises:
        Invalid: not `name=value`, an input that the flow does not have, or no such file.
    """
    files = {one.id for one in flow.inputs if isinstance(one, FileInput)}
    known = [one.id for one in flow.inputs]
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise Invalid(f"-i {pair}: write name=value, or name=@file")
        if name not in known:
            raise Invalid(f"-i {pair}: the flow has no input `{name}`; it has {', '.join(known) or 'none'}")
        values[name] = _file(Path(value[1:]), pair, as_text=name not in files) if value.startswith("@") else value
    return values


def _file(path: Path, pair: str, *, as_text: bool) -> Any:
    if not path.is_file():
        raise Invalid(f"-i {pair}: there is no file {path}")
    if not as_text:
        return path
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"-i {pair}: {path} is not UTF-8 text") from error


def given_labels(pairs: Sequence[str]) -> list[Label]:
    """Return labels. Raises Invalid for what is not `key=value`."""
    labels = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Invalid(f"-l {pair}: write key=value")
        labels.append(Label(key, value))
    return labels


def given_timeout(text: str | None) -> timedelta | None:
    """Return a duration given as ISO-8601 or as seconds. Raises Invalid for anything else."""
    if text is None:
        return None
    try:
        return timedelta(seconds=float(text))
    except (ValueError, OverflowError):
        pass
    try:
        return parse_duration(text)
    except ValueError as error:
        raise Invalid(f"--timeout {text}: {error}") from error
