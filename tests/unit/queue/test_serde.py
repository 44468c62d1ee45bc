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
from kestra_stream.queue.interface import Raw, Unreadable
from kestra_stream.queue.serde import HEADERS, decode, encode, from_bytes, to_bytes
from kestra_stream.topics import DEAD_LETTER, EXECUTION_INBOX, FLOW, SERVICE, TOPICS, Cleanup, Topic

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


# -- whole records -----------------------------------------------------------------------------------------------------

KILL = to_bytes(Kill())


def fault(payload: bytes | None = KILL, key: bytes | None = b"id", headers: Any = HEADERS, topic: Topic = EXECUTION_INBOX) -> str:
    """Read what cannot be read; return why."""
    _, value = decode(topic, payload, key, headers)
    assert isinstance(value, Unreadable)
    assert (value.payload, value.key, tuple(value.headers)) == (payload, key, tuple(headers or ()))
    return value.error


def test_a_record_comes_back_with_its_key() -> None:
    wire = encode("käse", Kill())
    assert wire.partition is None
    assert decode(EXECUTION_INBOX, wire.payload, wire.key, wire.headers) == ("käse", Kill())


def test_a_client_may_give_headers_as_lists_or_none_at_all() -> None:
    for headers in (None, [], list(HEADERS), [("trace", b"1"), *HEADERS]):
        assert decode(EXECUTION_INBOX, KILL, b"id", headers) == ("id", Kill())


def test_bytes_are_written_as_they_are() -> None:
    raw = Raw(b"\xff", b"\xfe", (("a", None),), 7)
    assert encode("ignored", raw) == (raw.key, raw.payload, raw.headers, 7)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_tombstone_is_read_only_where_keys_are_deleted(topic: Topic) -> None:
    if topic.cleanup in {Cleanup.COMPACT, Cleanup.FOREVER}:
        assert decode(topic, None, b"id", HEADERS) == ("id", None)
    else:
        assert "is not deleted by a tombstone" in fault(None, topic=topic)


def test_a_tombstone_is_written_as_one() -> None:
    wire = encode("id", None)
    assert wire.payload is None
    assert decode(FLOW, wire.payload, wire.key, wire.headers) == ("id", None)


def test_a_record_without_a_key_says_what_its_key_would_be() -> None:
    assert fault(key=None) == "it has no key; a record of execution_inbox is keyed by the execution id"


def test_a_key_that_is_no_text_is_shown_as_far_as_it_is() -> None:
    key, value = decode(EXECUTION_INBOX, KILL, b"a\xffb", HEADERS)
    assert key == "a\\xffb"
    assert value.error == "its key is not UTF-8: invalid start byte at byte 1"


def test_a_key_that_no_log_can_hold_is_refused() -> None:
    with pytest.raises(Invalid, match="half of a surrogate pair at 1"):
        encode("a\ud800", Kill())


def test_a_newer_version_names_the_remedy() -> None:
    assert "schema 2; this process reads 1); upgrade this process, then redrive" in fault(headers=(("schema", b"2"),))


@pytest.mark.parametrize("version", [b"", None, b"0", b"-1", b"one", b"\xff", b"9" * 5000])
def test_an_odd_version_is_no_version(version: bytes | None) -> None:
    assert "no version that this process reads (1)" in fault(headers=(("schema", version),))


def test_an_error_is_bounded_however_large_the_fault() -> None:
    assert len(fault(b'{"kind":"' + b"x" * 1_000_000 + b'"}')) <= 2_000


def test_records_of_a_schema_registry_are_recognised() -> None:
    assert "the id 7 of a schema registry" in fault(b"\0\0\0\0\x07\x02abc", headers=None, topic=SERVICE)


@given(st.binary(max_size=60) | st.none(), st.binary(max_size=8) | st.none(), st.sampled_from(TOPICS))
def test_whatever_a_record_is_it_is_read_or_kept_byte_for_byte(payload: bytes | None, key: bytes | None, topic: Topic) -> None:
    _, value = decode(topic, payload, key, None)
    if isinstance(value, Unreadable):
        wire = encode("", Raw(value.payload, value.key, value.headers))
        assert (wire.payload, wire.key, tuple(wire.headers)) == (payload, key, ())
