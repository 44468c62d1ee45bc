"""Outputs as data: whatever a task returned -> None, bool, int, float, str, list and dict, as JSON can hold."""

import base64
import dataclasses
import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from kestra_stream.models.duration import format_duration


def plain(value: Any) -> Any:
    """Return the JSON-able form of a value: ISO dates and durations, base64 for bytes, models by the names that flows use."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case BaseModel():
            return {
                field.serialization_alias or field.alias or name: plain(getattr(value, name))
                for name, field in type(value).model_fields.items()
            }
        case Mapping():
            return {key if type(key) is str else _key(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return _scalar(value)


def _scalar(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return format_duration(value)
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes() | bytearray() | memoryview():
            return base64.b64encode(value).decode()
        case AbstractSet():
            return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    return str(value)


def _key(key: Any) -> str:
    if key is None:
        return "null"
    return str(plain(key)).lower() if isinstance(key, bool) else str(plain(key))
