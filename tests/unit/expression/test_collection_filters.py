"""Filters on lists, maps, numbers and any values; the tests after `is`."""

from collections import UserDict, UserList
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kestra_stream.errors import ExpressionError
from tests.unit.expression.worlds import evaluate, render


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[1, 2, 3] | chunk(2)", [[1, 2], [3]]),
        ("[1, 1.0, '1', [1], [1.0], {'a': 1}, {'a': 1}, true, true] | distinct", [1, "1", [1], {"a": 1}, True]),
        ("[] | first", None),
        ("[1, 2] | first", 1),
        ("'abc' | first", "a"),
        ("[] | last", None),
        ("'abc' | last", "c"),
        ("[[1], 2, [[3]]] | flatten", [1, 2, [3]]),
        ("[1, null, 'a'] | join", "1a"),
        ("[1, 2] | join(separator='-')", "1-2"),
        ("{'a': 1} | keys", ["a"]),
        ("[5, 6] | keys", [0, 1]),
        ("{'a': 1} | values", [1]),
        ("'abc' | length", 3),
        ("{'a': 1} | length", 1),
        ("null | length", 0),
        ("true | length", 0),
        ("{'a': 1, 'b': 1} | merge({'b': 2})", {"a": 1, "b": 2}),
        ("{'a': 1} | merge(['b'])", {"a": 1, "b": "b"}),
        ("[1] | merge([2])", [1, 2]),
        ("[1] | merge({'a': 2})", [1, "a"]),
        ("[1] | merge(null)", [1]),
        ("'abc' | reverse", "cba"),
        ("[1, 2] | reverse", [2, 1]),
        ("[3, 1.5, 2] | sort", [1.5, 2, 3]),
        ("['b', 'a'] | sort", ["a", "b"]),
        ("[true, null, false] | sort", [None, False, True]),
        ("[1, 2, null] | rsort", [2, 1, None]),
        ("'abcd' | slice(1, 3)", "bc"),
        ("[1, 2, 3] | slice(1)", [2, 3]),
        ("lazy | sort", [1, 2, 3]),
        ("lazy | reverse", [2, 1, 3]),
        ("set | length", 1),
        ("set | first", 1),
        ("lazymap | keys", ["a"]),
        ("lazymap | merge({'b': 1})", {"a": 1, "b": 1}),
        ("-5 | abs", 5),
        ("-1.5 | abs", 1.5),
        ("'42' | number", 42),
        ("' 1.5 ' | number", 1.5),
        ("'7' | number('LONG')", 7),
        ("'7' | number('integer')", 7),
        ("'0.1' | number('FLOAT')", 0.1),
        ("'16777217' | number('FLOAT')", 16777216.0),
        ("'123456789012345678901234567890' | number('BIGINTEGER')", 123456789012345678901234567890),
        ("'1.10' | number('BIGDECIMAL') | string", "1.10"),
        ("1234567.891 | numberFormat", "1,234,567.891"),
        ("1234.5 | numberFormat('#,##0.00')", "1,234.50"),
        ("0.256 | numberFormat('0.0%')", "25.6%"),
        ("2.5 | numberFormat('#')", "2"),
        ("null | numberFormat", None),
        ("1.5 | className", "java.lang.Double"),
        ("true | className", "java.lang.Boolean"),
        ("{} | className", "java.util.LinkedHashMap"),
        ("[] | className", "java.util.ArrayList"),
        ("day | className", "java.time.LocalDate"),
        ("clock | className", "java.time.LocalTime"),
        ("span | className", "java.time.Duration"),
        ("dec | className", "java.math.BigDecimal"),
        ("thing | className", "java.lang.Object"),
        ("(9 * 1000000000000) | className", "java.lang.Long"),
        ("'99999999999999999999' | number('BIGINTEGER') | className", "java.math.BigInteger"),
        ("null | default('x')", "x"),
        ("'a' is empty", False),
        ("'  ' is empty", True),
        ("null is empty", True),
        ("{} is empty", True),
        ("5 is empty", False),
        ("4 is even", True),
        ("4 is odd", False),
        ("[] is iterable", True),
        ("'a' is not iterable", True),
        ("{} is map", True),
        ("null is null", True),
        ("null is defined", False),
        ("1 is equalTo(1.0)", True),
        ("'{}' is json", True),
        ("'{' is json", False),
        ("'NaN' is json", False),
        ("1 is json", False),
        ("deep is json", False),
    ],
)
def test_filter(source: str, expected: Any) -> None:
    variables: dict[str, Any] = {
        "lazy": UserList([3, 1, 2]),
        "lazymap": UserDict({"a": 1}),
        "set": {1},
        "day": date(2024, 1, 1),
        "clock": time(1),
        "span": timedelta(1),
        "dec": Decimal(1),
        "thing": object(),
        "deep": "[" * 100_000,
    }
    found = evaluate(f"{{{{ {source} }}}}", **variables)
    assert found == expected
    assert type(found) is type(expected)


def test_the_class_of_a_moment() -> None:
    assert render("{{ at | className }}", at=datetime(2024, 1, 1)) == "java.time.Instant"  # noqa: DTZ001 - any moment


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 | first", "needs a list, not a number"),
        ("[1] | chunk(0)", "the size of a chunk is 1 at least"),
        ("[1] | values", "needs a map, not a list"),
        ("[1, 'a'] | sort", "can not compare"),
        ("[[1], [2]] | sort", "can not compare list and list"),
        ("[1, 2] | slice(1, 5)", "can not cut from 1 to 5: there are 2"),
        ("'abc' | slice(-1)", "can not cut from -1"),
        ("'a' | abs", "needs a number, not a text"),
        ("'a' | number", "a is not a valid number."),
        ("'3000000000' | number('INT')", "3000000000 is not a valid number."),
        ("'inf' | number('BIGDECIMAL')", "inf is not a valid number."),
        ("'1e5000' | number('BIGDECIMAL')", "is not a valid number."),
        ("'x' | number('BIGDECIMAL')", "is not a valid number."),
        ("'1e99' | number('FLOAT')", "is not a valid number."),
        ("'1' | number('BYTE')", "the type BYTE is unknown; known are INT"),
        ("long | number", "a number has 4096 digits at most"),
        ("'a' | numberFormat", "needs a number, not a text"),
        ("1 | numberFormat(long)", "a pattern has 200 characters at most"),
        ("1.5 is even", "needs an int, not a number"),
        ("null is odd", "needs an int, not a null"),
        ("dec * dec", "more than 4096 digits"),
        ("key | first", "needs a list"),
    ],
)
def test_a_wrong_value_is_named(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        render(f"{{{{ {source} }}}}", long="1" * 5000, dec=Decimal("1e4000"), key=7)
    assert message in str(raised.value)
