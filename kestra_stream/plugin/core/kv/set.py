"""io.kestra.plugin.core.kv.Set: write a key."""

from datetime import date, datetime
from math import isfinite
from typing import Any, ClassVar, Literal

import orjson
from pydantic import Field

from kestra_stream.errors import ExpressionError
from kestra_stream.models.duration import Duration, parse_duration
from kestra_stream.models.property import Property
from kestra_stream.plugin.api import RunContext, RunnableTask
from kestra_stream.plugin.text import as_text

ValueType = Literal["STRING", "NUMBER", "BOOLEAN", "DATETIME", "DATE", "DURATION", "JSON"]


class Set(RunnableTask):
    """Write a key of the KV store. Without a type, text that is JSON is stored as what it says."""

    type_name: ClassVar[str] = "io.kestra.plugin.core.kv.Set"
    examples: ClassVar[tuple[str, ...]] = (
        """
        id: remember
        type: io.kestra.plugin.core.kv.Set
        key: last_run
        value: "{{ execution.startDate }}"
        kvType: DATETIME
        """,
    )

    key: Property[str] = Field(description="The key's name.")
    value: Any = Field(description="What to store.")
    namespace: Property[str] | None = Field(default=None, description="Namespace of the key; the own by default.")
    overwrite: Property[bool] = Field(default=Property.of("true", bool), description="Whether a key that exists may be changed.")
    ttl: Property[Duration] | None = Field(default=None, description="Forget the key after this time.")
    kv_type: Property[ValueType] | None = Field(default=None, description="Type of the value.")
    kv_description: Property[str] | None = Field(default=None, description="What the key is for.")

    def run(self, context: RunContext) -> None:
        kind = context.render(self.kv_type) if self.kv_type is not None else None
        raw = context.render(self.value) if kind == "STRING" else context.render_typed(self.value)
        context.key_values(context.render(self.namespace) if self.namespace is not None else None).set(
            context.render(self.key),
            typed_value(raw, kind),
            overwrite=context.render(self.overwrite),
            ttl=context.render(self.ttl) if self.ttl is not None else None,
            description=context.render(self.kv_description) if self.kv_description is not None else None,
        )


def typed_value(raw: object, kind: str | None) -> Any:
    """Turn a rendered value into what is stored.

    Raises:
        ExpressionError: it is not of the type.
    """
    try:
        match kind:
            case "STRING":
                return as_text(raw)
            case "NUMBER":
                return _number(str(raw))
            case "BOOLEAN":
                return raw if isinstance(raw, bool) else str(raw).strip().lower() == "true"
            case "DATETIME":
                return raw if isinstance(raw, datetime) else datetime.fromisoformat(str(raw))
            case "DATE":
                return date.fromisoformat(str(raw))
            case "DURATION":
                return parse_duration(raw)
            case "JSON":
                return orjson.loads(raw) if isinstance(raw, str) else raw
            case _:
                return _guessed(raw)
    except ValueError as error:
        raise ExpressionError(f"the value is not of type {kind}: {error}") from error


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not isfinite(number):
        raise ValueError(f"{text} is no number")
    return number


def _guessed(raw: object) -> Any:
    if not isinstance(raw, str):
        return raw
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return raw
