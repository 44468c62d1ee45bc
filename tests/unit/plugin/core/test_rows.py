"""Rows: one value a line, in and out, with its type."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from amazon.ion import simpleion
from hypothesis import given
from hypothesis import strategies as st

from kestra_stream.errors import KestraError
from kestra_stream.plugin.core.rows import row_line, row_of

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12)


def test_the_ion_library_is_the_compiled_one() -> None:
    assert getattr(simpleion, "c_ext", False)


@given(VALUES)
def test_a_row_is_one_line_and_reads_back_the_same(value: object) -> None:
    line = row_line(value)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert row_of(line) == value


def test_json_is_written_where_it_is_enough() -> None:
    assert row_line({"a": [1, 1.5, None, True, "é"]}) == '{"a":[1,1.5,null,true,"é"]}\n'.encode()


def test_decimals_moments_and_bytes_are_ion() -> None:
    row = {"d": Decimal("1.50"), "t": datetime(2030, 1, 1, 12, tzinfo=UTC), "b": b"x"}
    assert row_of(row_line(row)) == row


def test_dates_and_durations_are_text() -> None:
    row = {"d": date(2030, 1, 1), "t": time(12), "l": timedelta(minutes=5), "s": {1}, "x": Decimal(1)}
    assert row_of(row_line(row)) == {"d": "2030-01-01", "t": "12:00:00", "l": "PT5M", "s": "{1}", "x": Decimal(1)}


def test_all_of_ion_is_read() -> None:
    text = b'$ion_1_0 {s:symbol,n:null.int,b:note::true,i:note::5,l:(1 2),c:{{"clob"}},f:1e0,y:2030T}'
    assert row_of(text) == {
        "s": "symbol",
        "n": None,
        "b": True,
        "i": 5,
        "l": [1, 2],
        "c": b"clob",
        "f": 1.0,
        "y": datetime(2030, 1, 1),  # noqa: DTZ001 - as written
    }


@pytest.mark.parametrize("line", [b"{a:", b"1 2", b"\xff\xfe", b"]"])
def test_what_is_not_one_value_is_refused(line: bytes) -> None:
    with pytest.raises(KestraError, match="line 7 is not Ion"):
        row_of(line, 7)
