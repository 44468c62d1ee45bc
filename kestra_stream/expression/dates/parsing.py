"""Text in, dates out: ISO texts, and texts in a given Java pattern."""

import re
from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime, time, timedelta, tzinfo
from typing import NoReturn

from kestra_stream.expression.dates.names import Width, names
from kestra_stream.expression.dates.patterns import Field, Optional, Pattern, parse_pattern
from kestra_stream.expression.dates.printing import ALIASES
from kestra_stream.expression.dates.zones import zone_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NOON = time(12)
_REGION = re.compile(r"(.*)\[([\w/+:-]+)\]", re.DOTALL)
_MAX_TEXT = 200
_BASE_YEAR = 2000


def to_moment(value: object, zone: tzinfo, existing_format: str | None = None) -> datetime:
    """Turn a date of any kind into a moment with a zone.

    A number counts seconds since 1970; a date object without a time is at noon, a text without a time at midnight; what has no
    zone of its own is in `zone`.

    Raises:
        ValueError, TypeError: it is no date.
    """
    match value:
        case datetime():
            return value if value.tzinfo is not None else value.replace(tzinfo=zone)
        case date():
            return datetime.combine(value, _NOON, zone)
        case bool():
            raise TypeError("a boolean is no date")
        case int() | float():
            return _since_epoch(value, zone)
        case str():
            return _parsed(value, zone, existing_format)
        case _:
            raise TypeError(f"{type(value).__name__} is no date")


def _since_epoch(seconds: float, zone: tzinfo) -> datetime:
    try:
        return (_EPOCH + timedelta(seconds=seconds)).astimezone(zone)
    except (OverflowError, ValueError):
        raise ValueError(f"{seconds} seconds since 1970 are no date of the years 1 to 9999") from None


def _parsed(text: str, zone: tzinfo, existing_format: str | None) -> datetime:
    if len(text) > _MAX_TEXT:
        raise ValueError(f"a date has {_MAX_TEXT} characters at most")
    if existing_format is not None and existing_format not in _READ_AS_ISO:
        return _by_pattern(text, ALIASES.get(existing_format, existing_format), zone)
    source, region = text.strip(), None
    if match := _REGION.fullmatch(source):
        source, region = match.group(1), zone_of(match.group(2))
    try:
        found = datetime.fromisoformat(source)
    except ValueError:
        raise ValueError(f"Text '{text}' could not be parsed as a date") from None
    if found.tzinfo is None:
        return found.replace(tzinfo=region or zone)
    return found.astimezone(region) if region else found


_READ_AS_ISO = frozenset(
    {"iso", "iso_date_time", "iso_zoned_date_time", "iso_offset_date_time", "iso_local_date_time", "iso_instant", "iso_date"}
)


class _Reader:
    """Reads a text by a pattern and collects the fields."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.found: dict[str, int] = {}
        self.zone: tzinfo | None = None

    def pattern(self, pattern: Pattern) -> None:
        for index, part in enumerate(pattern):
            if isinstance(part, Optional):
                self._optional(part)
            elif isinstance(part, str):
                self._literal(part)
            else:
                following = pattern[index + 1] if index + 1 < len(pattern) else ""
                self._field(part, is_adjacent=isinstance(following, Field) and following.letter in _NUMBERS)

    def _optional(self, part: Optional) -> None:
        saved, found, zone = self.position, dict(self.found), self.zone
        try:
            self.pattern(part.parts)
        except ValueError:
            self.position, self.found, self.zone = saved, found, zone

    def _literal(self, literal: str) -> None:
        if not self.text.startswith(literal, self.position):
            self.fail()
        self.position += len(literal)

    def fail(self) -> NoReturn:
        raise ValueError(f"Text '{self.text}' could not be parsed at index {self.position}")

    def take(self, expression: str) -> str:
        match = re.compile(expression).match(self.text, self.position)
        if match is None:
            self.fail()
        self.position = match.end()
        return match.group()

    def _field(self, field: Field, *, is_adjacent: bool) -> None:
        if field.letter in _NAMED and (field.count > 2 or field.letter in "EaGB"):  # noqa: PLR2004 - a name, not a number
            kind, offset = _NAMED[field.letter]
            self.found[kind] = self._name(kind, field.count) + offset
        elif field.letter == "S":
            digits = self.take(rf"\d{{{field.count}}}")
            self.found["micros"] = int(digits.ljust(6, "0")[:6])
        elif field.letter in _NUMBERS:
            self._number(field, is_adjacent=is_adjacent)
        elif field.letter in "XxZO":
            self.zone = zone_of(self.take(r"Z|(?:GMT|UTC)?[+-]\d{1,2}(?::?\d{2})?|GMT|UTC"))
        elif field.letter in "Vzv":
            self.zone = zone_of(self.take(r"[A-Za-z][\w/+:-]*|[+-]\d{2}:?\d{2}"))
        else:
            raise ValueError(f"The pattern letter {field.letter} can not be parsed")

    def _number(self, field: Field, *, is_adjacent: bool) -> None:
        kind = _NUMBERS[field.letter]
        if kind == "year" and field.count == 2:  # noqa: PLR2004 - yy
            self.found[kind] = _BASE_YEAR + int(self.take(r"\d{2}"))
        elif field.count == 1 and not is_adjacent:
            self.found[kind] = int(self.take(r"\d{1,10}"))
        else:
            self.found[kind] = int(self.take(rf"\d{{{field.count}}}"))

    def _name(self, kind: str, count: int) -> int:
        width: Width = "wide" if count == 4 else "narrow" if count == 5 else "abbreviated"  # noqa: PLR2004 - MMMM, MMMMM
        plural = {"month": "months", "day_name": "days", "half": "halves", "era": "eras"}[kind]
        for index, name in sorted(enumerate(names(plural, width, "en")), key=lambda pair: -len(pair[1])):
            if self.text[self.position : self.position + len(name)].lower() == name.lower():
                self.position += len(name)
                return index
        return self.fail()


_NAMED = {"M": ("month", 1), "L": ("month", 1), "E": ("day_name", 0), "a": ("half", 0), "B": ("half", 0), "G": ("era", 0)}
_NUMBERS = {
    "u": "year", "y": "year", "M": "month", "L": "month", "d": "day", "D": "day_of_year", "H": "hour", "k": "hour_of_24",
    "h": "hour_of_half", "K": "hour_of_half", "m": "minute", "s": "second", "n": "nanos",
}  # fmt: skip


def _by_pattern(text: str, pattern: str, zone: tzinfo) -> datetime:
    reader = _Reader(text)
    reader.pattern(parse_pattern(pattern))
    if reader.position != len(text):
        raise ValueError(f"Text '{text}' could not be parsed, unparsed text found at index {reader.position}")
    found = reader.found
    micros = found.get("micros", found.get("nanos", 0) // 1000)
    try:
        day = _day(found)
        clock = time(_hour(found), found.get("minute", 0), found.get("second", 0), micros)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"Text '{text}' could not be parsed: {error}") from None
    return datetime.combine(day, clock, reader.zone or zone)


def _day(found: dict[str, int]) -> date:
    if "year" not in found:
        return date(1970, found.get("month", 1), found.get("day", 1))
    if "day_of_year" in found:
        return date(found["year"], 1, 1) + timedelta(days=found["day_of_year"] - 1)
    return date(found["year"], found.get("month", 1), found.get("day", 1))


def _hour(found: dict[str, int]) -> int:
    if "hour_of_half" in found:
        return found["hour_of_half"] % 12 + 12 * found.get("half", 0)
    return int(found.get("hour", found.get("hour_of_24", 0) % 24))


def add(moment: datetime, amount: int, unit: str) -> datetime:
    """Move a moment by so many units of Java's ChronoUnit (`DAYS`, `MONTHS`, ...).

    Raises:
        ValueError: the unit is unknown, or the date leaves the years 1 to 9999.
    """
    name = unit.upper()
    if name == "NANOS":
        name, amount = "MICROS", amount // 1000
    try:
        if name in _MONTHS:
            return _add_months(moment, amount * _MONTHS[name])
        if name in _DAYS:
            return moment + timedelta(days=amount * _DAYS[name])
        if name in _SECONDS:
            return (moment.astimezone(UTC) + amount * _SECONDS[name]).astimezone(moment.tzinfo)
    except OverflowError:
        raise ValueError("the date leaves the years 1 to 9999") from None
    raise ValueError(f"the unit {unit} is unknown; known are NANOS, {', '.join([*_SECONDS, *_DAYS, *_MONTHS])}")


_SECONDS = {
    "MICROS": timedelta(microseconds=1),
    "MILLIS": timedelta(milliseconds=1),
    "SECONDS": timedelta(seconds=1),
    "MINUTES": timedelta(minutes=1),
    "HOURS": timedelta(hours=1),
    "HALF_DAYS": timedelta(hours=12),
}
_DAYS = {"DAYS": 1, "WEEKS": 7}
_MONTHS = {"MONTHS": 1, "YEARS": 12, "DECADES": 120, "CENTURIES": 1200, "MILLENNIA": 12000}


def _add_months(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
