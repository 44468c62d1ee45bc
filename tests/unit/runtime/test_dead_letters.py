"""Dead letters hold a record byte for byte, whatever it is, and no letter is too large for a topic."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from kestra_stream.models.messages import DeadLetter
from kestra_stream.queue.interface import Raw, Record, Unreadable
from kestra_stream.queue.serde import from_bytes, to_bytes
from kestra_stream.runtime.dead_letters import Failure, letters_of, raw_of
from kestra_stream.topics import DEAD_LETTER

NOW = datetime(2030, 1, 1, tzinfo=UTC)
BYTES = st.binary(max_size=30) | st.builds(lambda byte, count: byte * count, st.binary(min_size=1, max_size=1), st.integers(0, 700_000))
HEADERS = st.lists(st.tuples(st.text(st.characters(codec="utf-8"), max_size=5), BYTES | st.none()), max_size=2).map(tuple)


def no_bytes(record: Record) -> bytes:
    raise AssertionError(f"the log keeps the bytes of {record}")


def letters(raw: Raw, failure: Failure | None = None) -> list[DeadLetter]:
    """Write a record into letters; return them as they are read."""
    record = Record("kill", 3, 7, "shown", Unreadable(raw.payload, "why", raw.key, raw.headers), NOW)
    written = letters_of(record, failure or Failure("group", "why"), NOW, no_bytes)
    return [from_bytes(DEAD_LETTER, to_bytes(outgoing.value)) for outgoing in written]


@settings(max_examples=60, deadline=None)
@given(BYTES | st.none(), BYTES | st.none(), HEADERS)
def test_every_record_comes_back_byte_for_byte_from_letters_that_fit(
    payload: bytes | None, key: bytes | None, headers: tuple[tuple[str, bytes | None], ...]
) -> None:
    found = letters(Raw(payload, key, headers))
    assert raw_of(found) == raw_of(found[::-1] + found) == Raw(payload, key, headers, 3)
    assert all(len(to_bytes(letter)) < 900_000 for letter in found)


def test_a_letter_with_a_piece_missing_gives_no_record() -> None:
    found = letters(Raw(b"x" * 1_000_000, b"key"))
    assert len(found) > 2
    assert raw_of(found[:-1]) is None
    assert raw_of(()) is None


def test_a_long_key_is_shown_in_part_and_kept_whole() -> None:
    (letter,) = letters(Raw(b"1", b"k" * 1_000))
    assert (letter.key, letter.key_bytes) == ("k" * 500, b"k" * 1_000)


def test_what_an_error_says_is_bounded() -> None:
    failure = Failure.raised("group", ValueError("x" * 100_000))
    (letter,) = letters(Raw(b"1", b"k"), failure)
    assert (len(letter.error), len(letter.traceback)) == (2_000, 8_000)
    assert letter.error.startswith("ValueError: x")
