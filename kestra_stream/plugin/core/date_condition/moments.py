"""What the conditions about dates share: rendered text in, a moment with its zone out."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from kestra_stream.errors import ExpressionError
from kestra_stream.models.conditions import ConditionContext
from kestra_stream.models.property import has_expression

TRIGGER_DATE = "{{ trigger.date }}"
_REGION = re.compile(r"\[[\w/+-]+\]$")


class DayOfWeek(StrEnum):
    """Name of a day; Monday is the first."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"

    @classmethod
    def of(cls, moment: datetime) -> "DayOfWeek":
        """Return the day of a moment, in the moment's own zone."""
        return tuple(cls)[moment.weekday()]


def moment_of(context: ConditionContext, template: str) -> datetime:
    """Render a template and read the date in it; without a zone it is in that of `context.now`, without a time at midnight.

    Raises:
        ExpressionError: it does not render, or not to a date.
    """
    try:
        moment = _parsed(context.render(template))
    except ValueError as error:
        raise ExpressionError(str(error)) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=context.now.tzinfo or UTC)


def _parsed(text: str) -> datetime:
    try:
        return datetime.fromisoformat(_REGION.sub("", text.strip()))
    except ValueError:
        raise ValueError(f"`{text[:80]}` is not a date such as 2030-01-31T10:00:00Z") from None


def _checked(template: str) -> str:
    if not has_expression(template):
        _parsed(template)
    return template


MomentText = Annotated[str, AfterValidator(_checked)]
"""A template that renders to a date; one without an expression is checked at once."""
