"""Dates: what is read, how it prints, how it moves."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kestra_stream.errors import ExpressionError
from kestra_stream.expression import Environment, compile_template
from tests.unit.expression.worlds import NOW, CountingBytes, evaluate, render

MOMENT = datetime(2024, 3, 5, 15, 4, 9, 12_345, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("yyyy yy y u uuuu", "2024 24 2024 2024 2024"),
        ("G GGGG GGGGG", "AD Anno Domini A"),
        ("M MM MMM MMMM MMMMM L LLLL", "3 03 Mar March M 3 March"),
        ("d dd D DDD", "5 05 65 065"),
        ("E EEE EEEE EEEEE", "Tue Tue Tuesday T"),
        ("e c ee eee", "3 3 03 Tue"),
        ("Q QQ QQQ QQQQ q", "1 01 Q1 1st quarter 1"),
        ("Y YY YYYY w ww W F", "2024 24 2024 10 10 2 1"),
        ("H HH h hh K k", "15 15 3 03 3 15"),
        ("m mm s ss", "4 04 9 09"),
        ("S SSS SSSSSS SSSSSSSSS n", "0 012 012345 012345000 12345000"),
        ("A N", "54249012 54249012345000"),
        ("a B", "PM PM"),
        ("X XX XXX x xx xxx Z ZZZZ ZZZZZ", "Z Z Z +00 +0000 +00:00 +0000 GMT Z"),
        ("O OOOO VV z", "GMT GMT Etc/UTC UTC"),
        ("'at' ''''", "at '"),
        ("''", "'"),
        ("yyyy[-MM[-dd]]", "2024-03-05"),
        ("[yyyy", "2024"),
        ("ppppM", "   3"),
        ("yyyy/MM.dd_HH:mm", "2024/03.05_15:04"),
        ("iso", "2024-03-05T15:04:09.012345Z"),
        ("iso_milli", "2024-03-05T15:04:09.012Z"),
        ("sql", "2024-03-05 15:04:09.012345"),
        ("sql_milli", "2024-03-05 15:04:09.012"),
        ("sql_seq", "2024-03-05 15:04:09"),
        ("iso_date_time", "2024-03-05T15:04:09.012345Z[Etc/UTC]"),
        ("iso_offset_date_time", "2024-03-05T15:04:09.012345Z"),
        ("iso_local_date_time", "2024-03-05T15:04:09.012345"),
        ("iso_date", "2024-03-05Z"),
        ("iso_local_date", "2024-03-05"),
        ("basic_iso_date", "20240305Z"),
        ("iso_time", "15:04:09.012345Z"),
        ("iso_offset_time", "15:04:09.012345Z"),
        ("iso_local_time", "15:04:09.012345"),
        ("iso_instant", "2024-03-05T15:04:09.012345Z"),
        ("iso_ordinal_date", "2024-065Z"),
        ("iso_week_date", "2024-W10-2Z"),
        ("rfc_1123_date_time", "Tue, 5 Mar 2024 15:04:09 GMT"),
    ],
)
def test_patterns_print_as_java_prints_them(pattern: str, expected: str) -> None:
    assert render("{{ at | date(pattern) }}", at=MOMENT, pattern=pattern) == expected


@pytest.mark.parametrize(
    ("zone", "pattern", "expected"),
    [
        ("Europe/Paris", "X XX XXX x xx xxx Z ZZZZ ZZZZZ O OOOO VV z v", "+01 +0100 +01:00 +01 +0100 +01:00 +0100 GMT+01:00 +01:00 GMT+1 GMT+01:00 Europe/Paris CET CET"),
        ("Asia/Kolkata", "X x XXX O", "+0530 +0530 +05:30 GMT+5:30"),
        ("-03:30", "XXX VV iso".replace(" iso", ""), "-03:30 -03:30"),
        ("UTC+2", "XXX", "+02:00"),
        ("GMT", "XXX", "Z"),
        ("+01:02:03", "XXXXX XXXX", "+01:02:03 +010203"),
        ("Europe/Paris", "iso_zoned_date_time", "2024-03-05T16:04:09.012345+01:00[Europe/Paris]"),
        ("Europe/Paris", "iso_instant", "2024-03-05T15:04:09.012345Z"),
        ("Europe/Paris", "rfc_1123_date_time", "Tue, 5 Mar 2024 16:04:09 +0100"),
        ("Asia/Tokyo", "iso", "2024-03-06T00:04:09.012345+09:00"),
    ],
)  # fmt: skip
def test_zones(zone: str, pattern: str, expected: str) -> None:
    assert render("{{ at | date(pattern, timeZone=zone) }}", at=MOMENT, pattern=pattern, zone=zone) == expected


@pytest.mark.parametrize(
    ("locale", "pattern", "expected"),
    [
        ("fr", "EEEE d MMMM yyyy", "mardi 5 mars 2024"),
        ("fr-FR", "QQQ w e", "T1 10 2"),
        ("de_DE", "MMM G a", "März v. Chr. PM".replace("v. Chr.", "n. Chr.")),
        ("en_US", "EEE", "Tue"),
        ("en", "short", "3/5/24, 3:04\u202fPM"),
        ("fr", "short", "05/03/2024 15:04"),
        ("en_GB", "e w", "2 10"),
    ],
)
def test_languages(locale: str, pattern: str, expected: str) -> None:
    assert render("{{ at | date(pattern, locale=locale) }}", at=MOMENT, pattern=pattern, locale=locale) == expected


@pytest.mark.parametrize("style", ["full", "long", "medium"])
def test_styles(style: str) -> None:
    assert "2024" in render("{{ at | date(style) }}", at=MOMENT, style=style)


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2023-12-31", "2024 1 2023-W52-7Z"),
        ("2024-12-29", "2025 1 2024-W52-7Z"),
        ("2021-01-01", "2021 1 2020-W53-5Z"),
        ("2024-06-02", "2024 23 2024-W22-7Z"),
    ],
)
def test_weeks_at_the_turn_of_the_year(day: str, expected: str) -> None:
    assert render("{{ day | date('Y w') }} {{ day | date('iso_week_date') }}", day=day) == expected


@pytest.mark.parametrize(("day", "week"), [("2024-03-01", "1"), ("2024-03-31", "6"), ("2023-01-01", "1")])
def test_week_of_the_month(day: str, week: str) -> None:
    assert render("{{ day | date('W') }}", day=day) == week
    assert render("{{ '2024-03-03' | date('W', locale='de_DE') }}") == "0"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MOMENT, "2024-03-05T15:04:09.012345Z"),
        (datetime(2024, 3, 5, 15, 4), "2024-03-05T15:04:00.000000Z"),  # noqa: DTZ001 - a local time is in the server's zone
        (date(2024, 3, 5), "2024-03-05T12:00:00.000000Z"),
        (1709651049, "2024-03-05T15:04:09.000000Z"),
        (1709651049.5, "2024-03-05T15:04:09.500000Z"),
        ("2024-03-05", "2024-03-05T00:00:00.000000Z"),
        ("2024-03-05T15:04", "2024-03-05T15:04:00.000000Z"),
        ("2024-03-05T15:04:09.123456789Z", "2024-03-05T15:04:09.123456Z"),
        ("2024-03-05T15:04:09+02:00", "2024-03-05T13:04:09.000000Z"),
        ("2024-03-05T15:04:09+01:00[Europe/Paris]", "2024-03-05T14:04:09.000000Z"),
        ("2024-03-05T15:04:09[Europe/Paris]", "2024-03-05T14:04:09.000000Z"),
        ("2024-03-05T15:04:09Z[UTC]", "2024-03-05T15:04:09.000000Z"),
    ],
)
def test_what_is_read_as_a_date(value: Any, expected: str) -> None:
    assert render("{{ value | date }}", value=value) == expected


@pytest.mark.parametrize(
    ("text", "pattern", "expected"),
    [
        ("05/03/2024", "dd/MM/yyyy", "2024-03-05T00:00:00.000000Z"),
        ("5 mar 2024 3 PM", "d MMM yyyy h a", "2024-03-05T15:00:00.000000Z"),
        ("12 AM", "h a", "1970-01-01T00:00:00.000000Z"),
        ("March 5, 24", "MMMM d, yy", "2024-03-05T00:00:00.000000Z"),
        ("Tuesday 2024-065", "EEEE yyyy-DDD", "2024-03-05T00:00:00.000000Z"),
        ("20240305150409", "yyyyMMddHHmmss", "2024-03-05T15:04:09.000000Z"),
        ("2024-03-05 24", "yyyy-MM-dd kk", "2024-03-05T00:00:00.000000Z"),
        ("15:04:09.012", "HH:mm:ss.SSS", "1970-01-01T15:04:09.012000Z"),
        ("15:04 +0200", "HH:mm Z", "1970-01-01T13:04:00.000000Z"),
        ("15:04Z", "HH:mmX", "1970-01-01T15:04:00.000000Z"),
        ("15:04 Europe/Paris", "HH:mm VV", "1970-01-01T14:04:00.000000Z"),
        ("2024", "yyyy[-MM][-dd]", "2024-01-01T00:00:00.000000Z"),
        ("2024-06", "yyyy[-MM][-dd]", "2024-06-01T00:00:00.000000Z"),
        ("2024-03-05 15:04:09", "sql_sec", "2024-03-05T15:04:09.000000Z"),
        ("2024-03-05T15:04:09Z", "iso_date_time", "2024-03-05T15:04:09.000000Z"),
        ("9 5000000", "s n", "1970-01-01T00:00:09.005000Z"),
    ],
)
def test_texts_in_a_given_format(text: str, pattern: str, expected: str) -> None:
    assert render("{{ text | date(existingFormat=pattern) }}", text=text, pattern=pattern) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("'bad' | date", "Text 'bad' could not be parsed as a date"),
        ("long | date", "a date has 200 characters at most"),
        ("true | date", "a boolean is no date"),
        ("[1] | date", "list is no date"),
        ("day | date('b')", "Unknown pattern letter: b"),
        ("day | date('yyyyyyyyyyyyyyyyyyyyyyyyyyyy')", "Too many pattern letters: y"),
        ('day | date("\'a")', "Pattern ends with an incomplete string literal"),
        ("day | date('a]')", "Pattern invalid as it contains ] without previous ["),
        ("day | date(long)", "a date pattern has 500 characters at most"),
        ("day | date('EEE', locale='xx')", "Invalid locale format: xx"),
        ("day | date(timeZone='+20')", "is more than 18 hours from UTC"),
        ("day | date(timeZone='../x')", "Unknown time-zone ID: ../x"),
        ("day | date(timeZone='Europe')", "Unknown time-zone ID: Europe"),
        ("'5' | date(existingFormat='dd')", "could not be parsed at index 0"),
        ("'05x' | date(existingFormat='dd')", "unparsed text found at index 2"),
        ("'05-' | date(existingFormat='dd/')", "could not be parsed at index 2"),
        ("'xyz' | date(existingFormat='MMM')", "could not be parsed at index 0"),
        ("'2024-13' | date(existingFormat='yyyy-MM')", "month must be in 1..12"),
        ("'1' | date(existingFormat='Y')", "The pattern letter Y can not be parsed"),
        ("day | dateAdd(1, 'FORTNIGHTS')", "the unit FORTNIGHTS is unknown; known are NANOS, MICROS"),
        ("day | dateAdd(9000, 'YEARS')", "the date leaves the years 1 to 9999"),
        ("day | dateAdd(9000000, 'DAYS')", "the date leaves the years 1 to 9999"),
        ("99999999999999 | date", "`date`:"),
    ],
)
def test_a_wrong_date_or_pattern_is_named(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(f"{{{{ {source} }}}}", day="2024-03-05", long="y " * 300)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("amount", "unit", "expected"),
    [
        (1500, "NANOS", "2024-01-31T10:00:00.000001Z"),
        (5, "MICROS", "2024-01-31T10:00:00.000005Z"),
        (5, "MILLIS", "2024-01-31T10:00:00.005000Z"),
        (-5, "seconds", "2024-01-31T09:59:55.000000Z"),
        (5, "MINUTES", "2024-01-31T10:05:00.000000Z"),
        (20, "HOURS", "2024-02-01T06:00:00.000000Z"),
        (1, "HALF_DAYS", "2024-01-31T22:00:00.000000Z"),
        (1, "DAYS", "2024-02-01T10:00:00.000000Z"),
        ("1", "WEEKS", "2024-02-07T10:00:00.000000Z"),
        (1, "MONTHS", "2024-02-29T10:00:00.000000Z"),
        (11, "MONTHS", "2024-12-31T10:00:00.000000Z"),
        (-13, "MONTHS", "2022-12-31T10:00:00.000000Z"),
        (1, "YEARS", "2025-01-31T10:00:00.000000Z"),
        (-1, "DECADES", "2014-01-31T10:00:00.000000Z"),
        (1, "CENTURIES", "2124-01-31T10:00:00.000000Z"),
        (1, "MILLENNIA", "3024-01-31T10:00:00.000000Z"),
    ],
)
def test_dates_move(amount: Any, unit: str, expected: str) -> None:
    assert render("{{ '2024-01-31T10:00:00Z' | dateAdd(amount, unit) }}", amount=amount, unit=unit) == expected
    assert render("{{ '2024-01-31T10:00:00Z' | dateAdd(amount, unit, 'yyyy') }}", amount=amount, unit=unit) == expected[:4]


def test_days_keep_the_clock_and_hours_keep_the_distance_when_the_clock_changes() -> None:
    before = datetime(2024, 3, 30, 12, tzinfo=ZoneInfo("Europe/Paris"))
    assert render("{{ at | dateAdd(1, 'DAYS', timeZone='Europe/Paris') }}", at=before) == "2024-03-31T12:00:00.000000+02:00"
    assert render("{{ at | dateAdd(24, 'HOURS', timeZone='Europe/Paris') }}", at=before) == "2024-03-31T13:00:00.000000+02:00"


def test_timestamps() -> None:
    assert evaluate("{{ at | timestamp }}", at=MOMENT) == 1709651049
    assert evaluate("{{ at | timestampMilli }}", at=MOMENT) == 1709651049012
    assert evaluate("{{ at | timestampMicro }}", at=MOMENT) == 1709651049012345
    assert evaluate("{{ at | timestampNano }}", at=MOMENT) == 1709651049012345000
    assert evaluate("{{ '05/03/2024' | timestamp(existingFormat='dd/MM/yyyy', timeZone='Europe/Paris') }}") == 1709593200
    assert evaluate("{{ null | timestamp }}") is None


def test_the_servers_zone_is_where_a_date_without_a_zone_is_and_how_it_prints() -> None:
    there = Environment(now=lambda: NOW, zone=ZoneInfo("Asia/Tokyo"), random=CountingBytes())
    template = compile_template("{{ '2024-03-05' | date }} {{ now('HH') }} {{ '2024-03-05T00:00:00Z' | date('iso_sec') }}")
    assert template.render({}, there) == "2024-03-05T00:00:00.000000+09:00 11 2024-03-05T09:00:00+09:00"


def test_a_zone_without_a_name_prints_its_offset() -> None:
    at = MOMENT.astimezone(timezone(timedelta(hours=2)))
    assert render("{{ at | date('VV', timeZone='+02:00') }}", at=at) == "+02:00"


def test_fractions_of_instants_have_three_or_six_digits() -> None:
    assert render("{{ '2024-03-05T00:00:00.5Z' | date('iso_instant') }}") == "2024-03-05T00:00:00.500Z"
    assert render("{{ '2024-03-05T00:00:00Z' | date('iso_instant') }}") == "2024-03-05T00:00:00Z"
