"""The common ground of everything that a user writes: frozen, strict about unknown keys, camelCase in YAML."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

Steps = tuple[str | int, ...]


class Written(BaseModel):
    """A part of a flow document. Unknown keys are faults; keys are camelCase in the document and snake_case here."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        arbitrary_types_allowed=True,
        coerce_numbers_to_str=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, value: Any) -> Any:
        """A property without a value is as if it were not written."""
        if isinstance(value, dict) and None in value.values():
            kept = _may_be_nothing(cls)
            return {key: item for key, item in value.items() if item is not None or key in kept}
        return value


@cache
def _may_be_nothing(cls: type[Written]) -> frozenset[str]:
    """Return the properties whose value may be anything, nothing included."""
    return frozenset(field.alias or name for name, field in cls.model_fields.items() if field.annotation is Any)


def misplaced(*faults: tuple[str, Steps]) -> PydanticCustomError:
    """Return an error for a validator to raise: each sentence with the place below the validated value that it is about."""
    return PydanticCustomError("misplaced", "{sentence}", {"sentence": faults[0][0], "faults": faults})


def inside(value: Any, location: Steps) -> Steps:
    """Keep of a location what leads into the value, not what only names a member of a union."""
    found: Steps = ()
    for step in location:
        is_there = step in value if isinstance(value, Mapping) else isinstance(value, list) and isinstance(step, int) and step < len(value)
        if is_there:
            value = value[step]
            found = (*found, step)
    return found
