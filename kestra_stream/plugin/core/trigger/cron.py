"""Cron lines and time zones of triggers: text in, checked text or zone out."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?")
_ANY_MOMENT = datetime(2000, 1, 1, tzinfo=UTC)


def cron_line(text: str, *, with_seconds: bool) -> str:
    """Return a cron line of five fields, or of six with seconds; a nickname becomes its line.

    Raises:
        ValueError: it is not one; the message says why.
    """
    from cronsim import CronSim, CronSimError  # noqa: PLC0415 - only flows with schedules need it

    line = NICKNAMES.get(text.strip().lower(), text.strip())
    if with_seconds and line is not text.strip():
        line = f"0 {line}"
    if line.startswith("@"):
        raise ValueError(f"`{text}` is no cron nickname; there are {', '.join(NICKNAMES)}")
    wanted = 6 if with_seconds else 5
    count = len(line.split())
    if count != wanted:
        hint = "; set withSeconds for a field of seconds" if count == wanted + 1 else ""
        raise ValueError(f"`{text}` has {count} fields, but a cron line has {wanted}{hint}")
    try:
        CronSim(line, _ANY_MOMENT)
    except CronSimError as error:
        raise ValueError(f"`{text}` is no cron line: {str(error)[:1].lower()}{str(error)[1:]}") from None
    return line


def zone_of(text: str) -> tzinfo:
    """Return the zone that a name (`Europe/Paris`) or an offset (`+02:00`, `UTC+2`) stands for.

    Raises:
        ValueError: there is none.
    """
    if text == "Z":
        return UTC
    offset = _OFFSET.fullmatch(text)
    if offset is not None and int(offset[2]) <= 18 and int(offset[3] or 0) < 60:  # noqa: PLR2004 - hours and minutes of an offset
        length = timedelta(hours=int(offset[2]), minutes=int(offset[3] or 0))
        return timezone(length if offset[1] == "+" else -length)
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"`{text}` is no time zone such as Europe/Paris, UTC or +02:00") from None
