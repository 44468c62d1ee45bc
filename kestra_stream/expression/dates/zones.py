"""Time zones as Java names them, and the names that dates print."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:UTC|GMT|UT)?([+-])(\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?")
_MAX_HOURS = 18


@lru_cache(maxsize=256)
def zone_of(name: str) -> tzinfo:
    """Find a zone by its name or offset: `Europe/Paris`, `Z`, `+02:00`, `UTC+2`; ValueError when there is none."""
    if name in ("Z", "UTC", "GMT", "Etc/UTC", "UT"):
        return UTC
    if match := _OFFSET.fullmatch(name):
        sign, hours, minutes, seconds = match.groups()
        if int(hours) > _MAX_HOURS:
            raise ValueError(f"the zone {name} is more than {_MAX_HOURS} hours from UTC")
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0), seconds=int(seconds or 0))
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"Unknown time-zone ID: {name[:100]}") from None


def zone_id(moment: datetime) -> str:
    """Name the zone of a moment: its region, or its offset."""
    zone = moment.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    return "Etc/UTC" if zone is UTC else offset_text(moment, ":", seconds=False)


def offset_text(moment: datetime, colon: str, *, seconds: bool) -> str:
    """Print the offset of a moment from UTC: `+02:00`, with the seconds where they are wanted and not zero."""
    total = int((moment.utcoffset() or timedelta()).total_seconds())
    sign, total = ("-" if total < 0 else "+"), abs(total)
    text = f"{sign}{total // 3600:02}{colon}{total // 60 % 60:02}"
    return f"{text}{colon}{total % 60:02}" if seconds and total % 60 else text
