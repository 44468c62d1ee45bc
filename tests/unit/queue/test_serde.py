"""Every value that a topic carries comes back as it was; what cannot be read says why."""

from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import immutables
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from kestra_stream.errors import Invalid
from kestra_stream.models.execution_input import Kill, Resume, TaskRunEnded
from kestra_stream.models.messages import DeadLetter
from kestra_stream.models.retry import ConstantRetry, ExponentialRetry, RandomRetry
from kestra_stream.models.state import StateType
from kestra_stream.queue.serde import HEADERS, from_bytes, to_bytes
from kestra_stream.topics import DEAD_LETTER, EXECUTION_INBOX, TOPICS, Topic

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBER = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
SECONDS = st.integers(1, 100).map(lambda seconds: timedelta(seconds=seconds))
LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    Any: PLAIN,
    object: PLAIN,
    str: TEXT,
    int: st.integers(0, 2**40),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    bytes: st.binary(max_size=20),
    datetime: st.datetimes(timezones=st.just(UTC)),
    NoneType: st.none(),
    ConstantRetry: SECONDS.map(lambda wait: ConstantRetry.model_validate({"type": "constant", "interval": wait})),
    ExponentialRetry: SECONDS.map(
        lambda wait: ExponentialRetry.model_validate({"type": "exponential", "interval": wait, "maxInterval": "PT1H"})
    ),
    RandomRetry: SECONDS.map(lambda wait: RandomRetry.model_validate({"type": "random", "minInterval": wait, "maxInterval": "PT1H"})),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Draw values of a topic's type; what lies in `Any` is as JSON gives it back."""
    if kind in LEAVES:
        return LEAVES[kind]
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        return st.builds(kind, **{field.name: values(hints[field.name]) for field in fields(kind)})
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return st.sampled_from(kind)
    return _generic(get_origin(kind), get_args(kind))


def _generic(origin: Any, arguments: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    if origin in {Union, UnionType}:
        return st.one_of([values(argument) for argument in arguments])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=2)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_value_of_every_topic_comes_back(topic: Topic) -> None:
    @settings(max_examples=60, deadline=None)
    @given(values(topic.value))
    def comes_back(value: Any) -> None:
        assert from_bytes(topic, to_bytes(value)) == value

    comes_back()


@given(st.binary(max_size=200), st.sampled_from(TOPICS))
def test_any_bytes_are_read_or_refused_as_invalid(payload: bytes, topic: Topic) -> None:
    try:
        from_bytes(topic, payload)
    except Invalid as error:
        assert topic.name in str(error)


def ended(outputs: Any) -> TaskRunEnded:
    return TaskRunEnded("run", 1, StateType.SUCCESS, NOW, NOW, outputs)


def through(outputs: Any) -> Any:
    return from_bytes(EXECUTION_INBOX, to_bytes(ended(outputs))).outputs


class Model(BaseModel):
    """A model inside an output."""

    at: datetime


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        (immutables.Map({"a": immutables.Map({"b": 1})}), {"a": {"b": 1}}),
        ((1, (2, 3)), [1, [2, 3]]),
        (NOW, "2030-01-01T12:00:00+00:00"),
        (date(2030, 1, 1), "2030-01-01"),
        (time(12, 30), "12:30:00"),
        (timedelta(minutes=5), "PT5M"),
        (frozenset({1}), [1]),
        (b"\xff\x00", "/wA="),
        (Decimal("1.50"), "1.50"),
        (StateType.FAILED, "FAILED"),
        (Model(at=NOW), {"at": "2030-01-01T12:00:00Z"}),
        (float("nan"), None),
        (float("inf"), None),
        ({1: "a", None: "b", StateType.FAILED: "c"}, {"1": "a", "null": "b", "FAILED": "c"}),
        ({2.5: "a", NOW: "b"}, {"2.5": "a", "2030-01-01T12:00:00+00:00": "b"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("beside", [0, 2**80], ids=["quick", "slow"])
def test_what_is_untyped_comes_back_as_plain_data(inside: Any, outside: Any, beside: int) -> None:
    """A number of more than 64 bits beside it makes the value take the slow way, with the same result."""
    assert through({"value": inside, "beside": beside}) == {"value": outside, "beside": beside}


def test_halves_of_surrogate_pairs_do_not_stop_a_record() -> None:
    assert through({"text": "a\ud800b"}) == {"text": "a?b"}


def test_a_value_that_contains_itself_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(Invalid, match="contains itself"):
        to_bytes(ended({"circle": circle}))


def test_a_dead_letter_holds_its_record_byte_for_byte() -> None:
    letter = DeadLetter("topic", 1, 2, "key", bytes(range(256)), "error", NOW)
    assert from_bytes(DEAD_LETTER, to_bytes(letter)) == letter


def test_a_tombstone_is_empty() -> None:
    assert to_bytes(None) == b""
    assert from_bytes(EXECUTION_INBOX, b"") is None


def test_fields_that_a_newer_peer_has_added_are_ignored() -> None:
    assert from_bytes(EXECUTION_INBOX, b'{"kind":"kill","cascade":false,"colour":"red"}') == Kill(cascade=False)


def test_fields_that_an_older_peer_leaves_out_have_their_defaults() -> None:
    assert from_bytes(EXECUTION_INBOX, b'{"kind":"resume"}') == Resume()


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (b"{", "Invalid JSON"),
        (b'{"kind":"explode"}', "explode"),
        (b'{"cascade":true}', "kind"),
        (b'{"kind":"timer_fired"}', "timer_fired.timer_id"),
    ],
)
def test_what_cannot_be_read_says_where_and_why(payload: bytes, why: str) -> None:
    with pytest.raises(Invalid, match="a record of execution_inbox can not be read") as caught:
        from_bytes(EXECUTION_INBOX, payload)
    assert why in str(caught.value)


def test_topics_that_are_not_in_the_table_are_read_too() -> None:
    own = Topic("own", "any", Kill, EXECUTION_INBOX.cleanup, "a test", "a test")
    assert from_bytes(own, to_bytes(Kill(cascade=False))) == Kill(cascade=False)


def test_the_version_of_the_schema_is_a_header() -> None:
    assert dict(HEADERS) == {"schema": b"1"}
