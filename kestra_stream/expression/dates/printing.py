"""Dates in, text out, by the named formats and by Java's patterns."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from kestra_stream.expression.dates.names import Width, babel_locale, names
from kestra_stream.expression.dates.patterns import Field, Optional, Pattern, parse_pattern
from kestra_stream.expression.dates.zones import offset_text, zone_id

DEFAULT_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"
ALIASES = {
    "iso": DEFAULT_FORMAT,
    "iso_milli": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "iso_sec": "yyyy-MM-dd'T'HH:mm:ssXXX",
    "sql": "yyyy-MM-dd HH:mm:ss.SSSSSS",
    "sql_milli": "yyyy-MM-dd HH:mm:ss.SSS",
    "sql_sec": "yyyy-MM-dd HH:mm:ss",
    "sql_seq": "yyyy-MM-dd HH:mm:ss",
    "iso_date": "yyyy-MM-ddXXX",
    "iso_local_date": "yyyy-MM-dd",
    "iso_basic_date": "yyyyMMdd",
    "basic_iso_date": "yyyyMMddXX",
    "iso_ordinal_date": "yyyy-DDDXXX",
    "iso_week_date": "YYYY-'W'ww-eXXX",
    "rfc_1123_date_time": "EEE, d MMM yyyy HH:mm:ss 'GMT'",
}
_STYLES = frozenset({"full", "long", "medium", "short"})
_WIDE = 4
_NARROW = 5


def format_date(moment: datetime, pattern: str, locale: str) -> str:
    """Print a moment by a named format, a style (full, long, medium, short) or a Java pattern."""
    if pattern in _STYLES:
        return _styled(moment, pattern, locale)
    if pattern in _ISO:
        return _ISO[pattern](moment)
    if pattern == "rfc_1123_date_time" and moment.utcoffset():
        return _written(moment, parse_pattern("EEE, d MMM yyyy HH:mm:ss xx"), "en")
    is_iso = pattern in ("iso_week_date", "rfc_1123_date_time")
    return _written(moment, parse_pattern(ALIASES.get(pattern, pattern)), "iso" if is_iso else locale)


def _fraction(moment: datetime) -> str:
    """Give the fraction of the second as ISO formats print it: as many digits as needed."""
    text = f"{moment.microsecond:06}".rstrip("0")
    return f".{text}" if text else ""


def _instant_fraction(moment: datetime) -> str:
    if not moment.microsecond:
        return ""
    return f".{moment.microsecond:06}" if moment.microsecond % 1000 else f".{moment.microsecond // 1000:03}"


def _offset(moment: datetime) -> str:
    return offset_text(moment, ":", seconds=True) if moment.utcoffset() else "Z"


def _local(moment: datetime) -> str:
    return moment.strftime("%H:%M:%S") + _fraction(moment)


def _day(moment: datetime) -> str:
    return date.isoformat(moment)


_ISO: dict[str, Callable[[datetime], str]] = {
    "iso_local_date_time": lambda moment: f"{_day(moment)}T{_local(moment)}",
    "iso_offset_date_time": lambda moment: f"{_day(moment)}T{_local(moment)}{_offset(moment)}",
    "iso_date_time": lambda moment: f"{_day(moment)}T{_local(moment)}{_offset(moment)}[{zone_id(moment)}]",
    "iso_zoned_date_time": lambda moment: f"{_day(moment)}T{_local(moment)}{_offset(moment)}[{zone_id(moment)}]",
    "iso_time": lambda moment: _local(moment) + _offset(moment),
    "iso_offset_time": lambda moment: _local(moment) + _offset(moment),
    "iso_local_time": _local,
    "iso_instant": lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S") + _instant_fraction(moment) + "Z",
}


def _styled(moment: datetime, style: str, locale: str) -> str:
    from babel.dates import format_datetime  # noqa: PLC0415 - loaded where it is used: importing the language must be quick

    return str(format_datetime(moment, style, tzinfo=moment.tzinfo, locale=babel_locale(locale)))


def _written(moment: datetime, pattern: Pattern, locale: str) -> str:
    parts: list[str] = []
    padding = 0
    for part in pattern:
        if isinstance(part, str):
            text = part
        elif isinstance(part, Optional):
            text = _written(moment, part.parts, locale)
        elif part.letter == "p":
            padding = part.count
            continue
        else:
            text = _FIELDS[part.letter](moment, part, locale)
        parts.append(text.rjust(padding))
        padding = 0
    return "".join(parts)


_Show = Callable[[datetime, Field, str], str]


def _number(value: Callable[[datetime], int]) -> _Show:
    return lambda moment, field, _locale: f"{value(moment):0{field.count}}"


def _width(count: int) -> Width:
    return "wide" if count == _WIDE else "narrow" if count == _NARROW else "abbreviated"


def _language(locale: str) -> str:
    return "en" if locale == "iso" else locale


def _named(kind: str, value: Callable[[datetime], int]) -> _Show:
    """Print a number up to two letters, a name from three on."""

    def show(moment: datetime, field: Field, locale: str) -> str:
        if field.count <= 2:  # noqa: PLR2004 - one or two letters are numbers in Java's patterns
            return f"{value(moment) + 1:0{field.count}}"
        return names(kind, _width(field.count), _language(locale))[value(moment)]

    return show


def _year(moment: datetime, field: Field, _locale: str) -> str:
    return _shown_year(moment.year, field)


def _shown_year(year: int, field: Field) -> str:
    return f"{year % 100:02}" if field.count == 2 else f"{year:0{field.count}}"  # noqa: PLR2004 - yy


def _first_week(locale: str) -> tuple[int, int]:
    """Give a locale's first day of the week (0 is Monday) and the least days of its first week."""
    if locale == "iso":
        return 0, 4
    if locale.lower().replace("-", "_") in ("en", "en_us"):
        return 6, 1
    found = babel_locale(locale)
    return found.first_week_day, found.min_week_days


def _week(moment: datetime, locale: str) -> tuple[int, int]:
    """Give the week-based year and the week in it."""
    first, least = _first_week(locale)
    ordinal = moment.toordinal()
    year = moment.year + 1 if ordinal >= _week_start(moment.year + 1, first, least) else moment.year
    if ordinal < _week_start(year, first, least):
        year -= 1
    return year, (ordinal - _week_start(year, first, least)) // 7 + 1


def _week_start(year: int, first: int, least: int) -> int:
    """Give the ordinal of the day on which the weeks of a year begin."""
    january = date(min(max(year, 1), 9999), 1, 1)
    days_before = (january.weekday() - first) % 7
    start = january.toordinal() - days_before
    return start if 7 - days_before >= least else start + 7


def _week_number(moment: datetime, field: Field, locale: str) -> str:
    return f"{_week(moment, locale)[1]:0{field.count}}"


def _week_year(moment: datetime, field: Field, locale: str) -> str:
    return _shown_year(_week(moment, locale)[0], field)


def _week_of_month(moment: datetime, _field: Field, locale: str) -> str:
    first, least = _first_week(locale)
    days_before = (moment.replace(day=1).weekday() - first) % 7
    week = (moment.day - 1 + days_before) // 7
    return str(week + 1 if 7 - days_before >= least else week)


def _local_day(moment: datetime, field: Field, locale: str) -> str:
    if field.count > 2:  # noqa: PLR2004 - as above
        return _day_name(moment, field, locale)
    return f"{(moment.weekday() - _first_week(locale)[0]) % 7 + 1:0{field.count}}"


def _day_name(moment: datetime, field: Field, locale: str) -> str:
    return names("days", _width(field.count), _language(locale))[moment.weekday()]


def _half(moment: datetime, _field: Field, locale: str) -> str:
    return names("halves", "abbreviated", _language(locale))[moment.hour // 12]


def _era(_moment: datetime, field: Field, locale: str) -> str:
    return names("eras", _width(field.count), _language(locale))[1]


def _second_fraction(moment: datetime, field: Field, _locale: str) -> str:
    return f"{moment.microsecond:06}000".ljust(field.count, "0")[: field.count]


def _since_midnight(moment: datetime) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond)


def _zone_name(moment: datetime, field: Field, _locale: str) -> str:
    if field.letter == "V":
        return zone_id(moment)
    return moment.tzname() or zone_id(moment)


def _zone_offset(moment: datetime, field: Field, _locale: str) -> str:
    """Print `X` (with `Z` for zero) and `x`: hours, hours and minutes, with or without a colon."""
    if field.letter == "X" and not moment.utcoffset():
        return "Z"
    if field.count == 1:
        text = offset_text(moment, "", seconds=False)
        return text[:3] if text.endswith("00") else text
    return offset_text(moment, ":" if field.count in (3, 5) else "", seconds=field.count >= _WIDE)


def _rfc_offset(moment: datetime, field: Field, _locale: str) -> str:
    if field.count == _WIDE:
        return _gmt_offset(moment, field, _locale)
    if field.count == _NARROW:
        return _offset(moment)
    return offset_text(moment, "", seconds=False)


def _gmt_offset(moment: datetime, field: Field, _locale: str) -> str:
    if not moment.utcoffset():
        return "GMT"
    text = offset_text(moment, ":", seconds=False)
    if field.count == _WIDE:
        return f"GMT{text}"
    short = text[0] + text[1:3].lstrip("0")
    return f"GMT{short}" if text.endswith("00") else f"GMT{short}{text[3:]}"


_FIELDS: dict[str, _Show] = {
    "G": _era,
    "u": _year,
    "y": _year,
    "D": _number(lambda moment: moment.timetuple().tm_yday),
    "M": _named("months", lambda moment: moment.month - 1),
    "L": _named("months", lambda moment: moment.month - 1),
    "d": _number(lambda moment: moment.day),
    "Q": _named("quarters", lambda moment: (moment.month - 1) // 3),
    "q": _named("quarters", lambda moment: (moment.month - 1) // 3),
    "Y": _week_year,
    "w": _week_number,
    "W": _week_of_month,
    "E": _day_name,
    "e": _local_day,
    "c": _local_day,
    "F": _number(lambda moment: (moment.day - 1) // 7 + 1),
    "a": _half,
    "B": _half,
    "h": _number(lambda moment: (moment.hour - 1) % 12 + 1),
    "K": _number(lambda moment: moment.hour % 12),
    "k": _number(lambda moment: moment.hour or 24),
    "H": _number(lambda moment: moment.hour),
    "m": _number(lambda moment: moment.minute),
    "s": _number(lambda moment: moment.second),
    "S": _second_fraction,
    "A": _number(lambda moment: _since_midnight(moment) // timedelta(milliseconds=1)),
    "n": _number(lambda moment: moment.microsecond * 1000),
    "N": _number(lambda moment: _since_midnight(moment) // timedelta(microseconds=1) * 1000),
    "V": _zone_name,
    "v": _zone_name,
    "z": _zone_name,
    "O": _gmt_offset,
    "X": _zone_offset,
    "x": _zone_offset,
    "Z": _rfc_offset,
}
