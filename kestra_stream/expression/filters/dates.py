"""Filters on dates."""

from datetime import UTC, datetime, timedelta

from kestra_stream.expression.dates.parsing import add, to_moment
from kestra_stream.expression.dates.printing import format_date
from kestra_stream.expression.dates.zones import zone_of
from kestra_stream.expression.frame import Frame
from kestra_stream.expression.native import Native, native

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRINTING = 10
_PARAMETERS = ("format", "existingFormat", "timeZone", "locale")


def shown(moment: datetime, frame: Frame, pattern: str | None, time_zone: str | None, locale: str | None) -> str:
    """Print a moment in a zone (default: the environment's)."""
    zone = zone_of(time_zone) if time_zone else frame.environment.zone
    frame.charge(_PRINTING)
    return format_date(moment.astimezone(zone), pattern or "iso", locale or "en")


def read(value: object, frame: Frame, existing_format: str | None, time_zone: str | None) -> datetime:
    """Read a date; what names no zone is in the given one (default: the environment's)."""
    return to_moment(value, zone_of(time_zone) if time_zone else frame.environment.zone, existing_format)


def format_(
    value: object,
    frame: Frame,
    pattern: str | None = None,
    existing_format: str | None = None,
    time_zone: str | None = None,
    locale: str | None = None,
) -> str:
    """Print a date in a format, a zone and a language."""
    return shown(read(value, frame, existing_format, time_zone), frame, pattern, time_zone, locale)


def date_add(  # noqa: PLR0913, PLR0917 - the arguments that templates give
    value: object,
    frame: Frame,
    amount: float | str,
    unit: str,
    pattern: str | None = None,
    existing_format: str | None = None,
    time_zone: str | None = None,
    locale: str | None = None,
) -> str:
    """Move a date by so many units, and print it."""
    moved = add(read(value, frame, existing_format, time_zone), int(amount), unit)
    return shown(moved, frame, pattern, time_zone, locale)


def _since_1970(value: object, frame: Frame, existing_format: str | None, time_zone: str | None) -> int:
    return (read(value, frame, existing_format, time_zone) - _EPOCH) // timedelta(microseconds=1)


def timestamp(value: object, frame: Frame, existing_format: str | None = None, time_zone: str | None = None) -> int:
    """Give the seconds since 1970."""
    return _since_1970(value, frame, existing_format, time_zone) // 1_000_000


def timestamp_milli(value: object, frame: Frame, existing_format: str | None = None, time_zone: str | None = None) -> int:
    """Give the milliseconds since 1970."""
    return _since_1970(value, frame, existing_format, time_zone) // 1000


def timestamp_micro(value: object, frame: Frame, existing_format: str | None = None, time_zone: str | None = None) -> int:
    """Give the microseconds since 1970."""
    return _since_1970(value, frame, existing_format, time_zone)


def timestamp_nano(value: object, frame: Frame, existing_format: str | None = None, time_zone: str | None = None) -> int:
    """Give the nanoseconds since 1970."""
    return _since_1970(value, frame, existing_format, time_zone) * 1000


FILTERS: dict[str, Native] = {
    "date": native(format_, *_PARAMETERS),
    "dateAdd": native(date_add, "amount", "unit", *_PARAMETERS),
    "timestamp": native(timestamp, "existingFormat", "timeZone"),
    "timestampMilli": native(timestamp_milli, "existingFormat", "timeZone"),
    "timestampMicro": native(timestamp_micro, "existingFormat", "timeZone"),
    "timestampNano": native(timestamp_nano, "existingFormat", "timeZone"),
}
