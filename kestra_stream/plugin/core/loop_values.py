"""The values of a loop as written: a list, or a template that renders to one."""

from typing import Annotated, Any

from pydantic import BeforeValidator


def _checked(values: object) -> Any:
    if not isinstance(values, str | list | tuple):
        raise ValueError("the values of a loop are a list, or an expression that gives one")  # noqa: TRY004 - pydantic wants ValueError
    return values


LoopValues = Annotated[str | list[Any], BeforeValidator(_checked)]
"""What a loop goes over; a number or a map is refused before anything runs."""
