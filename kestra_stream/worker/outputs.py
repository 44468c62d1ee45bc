"""Outputs of an attempt as data: what a task returned -> a map of plain values by the names that flows use."""

from collections.abc import Mapping

from kestra_stream.errors import Invalid
from kestra_stream.models.document import Plain, to_plain
from kestra_stream.plugin.api import TaskOutput


def as_data(outputs: object) -> dict[str, object] | None:
    """Return outputs as plain data.

    Raises:
        Invalid: they are no map, or a value of theirs cannot be written as data.
    """
    if outputs is None:
        return None
    if isinstance(outputs, TaskOutput):
        outputs = {field.alias or name: getattr(outputs, name) for name, field in type(outputs).model_fields.items()}
    if not isinstance(outputs, Mapping):
        raise Invalid(f"a task returns its outputs as a map or a TaskOutput, not as a {type(outputs).__name__}")
    return {name: _plain(name, value) for name, value in _named(outputs).items()}


def _named(outputs: Mapping[object, object]) -> dict[str, object]:
    return {name if isinstance(name, str) and name.isascii() else next(iter(to_plain({name: None}))): outputs[name] for name in outputs}


def _plain(name: str, value: object) -> Plain:
    try:
        return to_plain(value)
    except RecursionError:
        raise Invalid(f"the output `{name}` is nested too deeply, or contains itself") from None
    except Exception as error:
        # code of the value's own class has failed
        raise Invalid(f"the output `{name}` cannot be written as data: {type(error).__name__}: {error}") from error
