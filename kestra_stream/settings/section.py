"""What settings are made of: sections that refuse what they do not know, and the kinds of values that they share."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.fields import FieldInfo

_SHORT = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_LONGEST = timedelta(days=36_500)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


class Section(BaseModel):
    """A group of settings; unknown keys are faults. What a fault says never holds the value: it may be a secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, coerce_numbers_to_str=True)


def _duration(value: object) -> object:
    """Turn `30s`, `5m`, `500ms` into seconds; pydantic knows ISO 8601 and numbers of seconds itself."""
    found = _SHORT.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        return value
    return timedelta(seconds=min(float(found[1]) * _SECONDS[found[2]], 2 * _LONGEST.total_seconds()))


def as_texts(value: Any) -> Any:
    """Flatten nested maps to dotted names, and write every value as the text that a client library wants."""
    if not isinstance(value, Mapping):
        return value
    flat: dict[str, str] = {}
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            flat.update({f"{name}.{rest}": text for rest, text in as_texts(inner).items()})
        elif isinstance(inner, bool):
            flat[str(name)] = str(inner).lower()
        elif isinstance(inner, list):
            flat[str(name)] = ",".join(map(str, inner))
        else:
            flat[str(name)] = "" if inner is None else str(inner)
    return flat


Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta(0), le=_LONGEST)]
"""`PT30S`, `30s`, `500ms`, or a number of seconds; no lock of the operating system waits for ever."""
Properties = Annotated[Mapping[str, str], BeforeValidator(as_texts), Field(repr=False)]
"""Names and values for a client library, handed on as they are; never shown, because passwords are among them."""


def holds_properties(field: FieldInfo) -> bool:
    """Whether a field holds properties for a client library."""
    return any(isinstance(one, BeforeValidator) and one.func is as_texts for one in field.metadata)
