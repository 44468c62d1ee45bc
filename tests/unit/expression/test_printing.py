"""How values print."""

from collections import UserDict, UserList
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any
from uuid import UUID

import pytest

from tests.unit.expression.worlds import render


class State(Enum):
    """An enum as the engine's states are."""

    RUNNING = "RUNNING"


PARIS = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        ("<b>", "<b>"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        (0.0, "0.0"),
        (1e7, "1.0E7"),
        (12345678.9, "1.23456789E7"),
        (-1.5e-5, "-1.5E-5"),
        (1e100, "1.0E100"),
        (9999999.0, "9999999.0"),
        (0.001, "0.001"),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        (float("-inf"), "-Infinity"),
        (Decimal("1.50"), "1.50"),
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05Z"),
        (datetime(2024, 1, 2, 3, 4, 5, 120_000, tzinfo=UTC), "2024-01-02T03:04:05.120Z"),
        (datetime(2024, 1, 2, 3, 4, 5, 123_456, tzinfo=PARIS), "2024-01-02T03:04:05.123456+01:00"),
        (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),  # noqa: DTZ001 - a local date prints without a zone
        (date(2024, 1, 2), "2024-01-02"),
        (time(3, 4), "03:04"),
        (time(3, 4, 5), "03:04:05"),
        (time(3, 4, 5, 1000), "03:04:05.001"),
        (time(3, 4, tzinfo=timezone(timedelta(hours=-3, minutes=-30))), "03:04-03:30"),
        (timedelta(), "PT0S"),
        (timedelta(minutes=5, seconds=6), "PT5M6S"),
        (timedelta(days=2, hours=1), "PT49H"),
        (timedelta(milliseconds=500), "PT0.5S"),
        (timedelta(seconds=-90), "PT-1M-30S"),
        (b"abc", "YWJj"),
        (State.RUNNING, "RUNNING"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ([1, "a", None, True, 1.5], '[1,"a",null,true,1.5]'),
        ((1, (2,)), "[1,[2]]"),
        ({}, "{}"),
        ([], "[]"),
        ({"a": None, "b": 1}, '{"b":1}'),
        ({"a": None}, "{}"),
        ({1: "x", True: "y"}, '{"1":"y"}'),
        ({"é": 'q"\\\n'}, '{"é":"q\\"\\\\\\n"}'),
        ([1e7, float("nan"), Decimal("1.10")], '[1.0E7,"NaN",1.10]'),
        ([timedelta(seconds=90), date(2024, 1, 2), State.RUNNING], '[90.0,"2024-01-02","RUNNING"]'),
        (UserDict({"a": UserList([1])}), '{"a":[1]}'),
        (MappingProxyType({"a": 1}), '{"a":1}'),
        ({1}, "[1]"),
    ],
)
def test_prints(value: Any, expected: str) -> None:
    assert render("{{ value }}", value=value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, "b": {"c": [1, "x", None]}}, "{a=1, b={c=[1, x, null]}}"),
        ("text", "text"),
        (1.0, "1.0"),
        ([], "[]"),
    ],
)
def test_string_prints_as_java_does(value: Any, expected: str) -> None:
    assert render("{{ value | string }}", value=value) == expected
    assert render("{{ value.toString() }}", value=value) == expected
