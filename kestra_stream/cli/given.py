"""Values given on the command line: `name=value`, `name=@file`, `key=value`, durations."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from kestra_stream.errors import Fault, Invalid, InvalidInputs
from kestra_stream.models.duration import parse_duration
from kestra_stream.models.execution import Label
from kestra_stream.models.flow import Flow
from kestra_stream.models.input import FileInput, Input, StringInput


def given_inputs(flow: Flow, pairs: Sequence[str]) -> Mapping[str, Any]:
    """Return values for the inputs of a flow. Raises InvalidInputs as `given_values` does."""
    return given_values("the flow", flow.inputs, pairs)


def given_values(asker: str, inputs: Sequence[Input], pairs: Sequence[str]) -> Mapping[str, Any]:
    """Return values by input id: the path of `@file` for a FILE input, the file's text for any other.

    A text that begins with @ is given as `name=@@text`.

    Raises:
        InvalidInputs: all that is wrong: not `name=value`, an input that nobody asks for, no such file.
    """
    known = {one.id: one for one in inputs}
    values: dict[str, Any] = {}
    faults = []
    for pair in pairs:
        try:
            name, value = _named(pair, known, asker)
            values[name] = _value(known[name], value)
        except Invalid as error:
            faults.append(Fault(f"-i {pair}: {error}", pair.partition("=")[0]))
    if faults:
        raise InvalidInputs(faults)
    return values


def _named(pair: str, known: Mapping[str, Input], asker: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not equals:
        raise Invalid("write name=value, or name=@file")
    if name not in known:
        near = get_close_matches(name, known, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(known) or 'none'}"
        raise Invalid(f"{asker} has no input `{name}`; {hint}")
    return name, value


def _value(one: Input, value: str) -> Any:
    if value.startswith("@@"):
        return value[1:]
    if value.startswith("@"):
        return file_or_text(one, value[1:], value)
    if isinstance(one, FileInput) and "://" not in value:
        raise Invalid(f"a file is given as {one.id}=@{value}")
    return value


def file_or_text(one: Input, name: str, written: str) -> Any:
    """Return what a named file means for an input: its path for a FILE, else its text, without the line's end unless it is a STRING's.

    Raises:
        Invalid: no such file, one that cannot be read, or one that is not text.
    """
    path = Path(name)
    if path.is_dir():
        raise Invalid(f"{path} is a folder; name a file")
    if not path.exists():
        hint = f"; for a text that begins with @ write @{written}" if not isinstance(one, FileInput) else ""
        raise Invalid(f"there is no file {path}{hint}")
    try:
        if isinstance(one, FileInput):
            path.open("rb").close()
            return path
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Invalid(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}") from error
    return text if isinstance(one, StringInput) else text.rstrip("\r\n")


def given_labels(pairs: Sequence[str]) -> list[Label]:
    """Return labels. Raises Invalid for what is not `key=value`."""
    labels = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Invalid(f"-l {pair}: write key=value")
        labels.append(Label(key, value))
    return labels


def given_timeout(text: str | None) -> float | None:
    """Return the seconds of a duration given as ISO-8601 or as seconds. Raises Invalid for anything else, and for nothing or less."""
    if text is None:
        return None
    try:
        length = parse_duration(text)
    except ValueError as error:
        raise Invalid(f"--timeout {text}: write seconds, or an ISO-8601 duration such as PT30S") from error
    if length <= timedelta(0):
        raise Invalid(f"--timeout {text}: it must be more than nothing")
    return length.total_seconds()
