"""ISO-8601 durations (`PT5M6S`, `P1D`), or seconds (`306.0`, as a DURATION input is shown), as timedeltas, in fields and as text."""

import re
from datetime import timedelta
from typing import Annotated

import isodate
from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from kestra_stream.models.sentences import shown

DURATION_PATTERN = r"^[+-]?[Pp]([0-9.,]+[WwDd])*([Tt]([0-9.,]+[HhMmSs])+)?$"
SECONDS_PATTERN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$"
_SECONDS = re.compile(SECONDS_PATTERN, re.ASCII)


def parse_duration(value: object) -> timedelta:
    """Turn ISO-8601 text, a number of seconds, its text, or a timedelta into a timedelta.

    Raises:
        ValueError: not a duration; years and months have no fixed length and are refused too.
    """
    try:
        parsed = _parsed(value)
    except (isodate.ISO8601Error, ValueError, OverflowError):
        parsed = None
    if not isinstance(parsed, timedelta):
        raise ValueError(f"must be an ISO-8601 duration such as PT30S or P1D, but is {shown(value)}")  # noqa: TRY004 - pydantic wants ValueError
    return parsed


def _parsed(value: object) -> object:
    match value:
        case bool():
            return None
        case int() | float():
            return timedelta(seconds=value)
        case str() if _SECONDS.match(value.strip()):
            return timedelta(seconds=float(value))
        case str():
            return isodate.parse_duration(value.strip().upper())
        case _:
            return value


def format_duration(value: timedelta) -> str:
    """Write a timedelta as the flow language does: hours, minutes and seconds only (`PT26H3M0.5S`)."""
    micros = (value.days * 86_400 + value.seconds) * 1_000_000 + value.microseconds
    if micros == 0:
        return "PT0S"
    sign = -1 if micros < 0 else 1
    minutes, rest = divmod(abs(micros), 60_000_000)
    hours, minutes = divmod(minutes, 60)
    text = "PT"
    if hours:
        text += f"{sign * hours}H"
    if minutes:
        text += f"{sign * minutes}M"
    if rest:
        text += f"{sign * rest / 1_000_000:.6f}".rstrip("0").rstrip(".") + "S"
    return text


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
]
