"""New ids: nobody has the same, and each tells when it was made."""

from datetime import UTC, datetime, timedelta

from kestra_stream.models.ids import base62, derived_id, from_base62
from kestra_stream.runtime.identity import made_after, new_id


def test_ids_differ_and_have_22_characters() -> None:
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert {len(one) for one in ids} == {22}


def test_an_id_tells_a_moment_before_it_was_made_and_not_long_before() -> None:
    before = datetime.now(UTC)
    moment = made_after(new_id(), datetime.now(UTC))
    assert moment is not None
    assert before - timedelta(hours=7) < moment < before


def test_an_id_that_was_given_or_derived_does_not_tell() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    far = base62(int((now + timedelta(days=1)).timestamp() * 1000) << 80)
    told = [made_after(one, now) for one in ("mine", "", "ä" * 22, far, base62(0), *(derived_id(str(n)) for n in range(50)))]
    assert told == [None] * len(told)


def test_a_number_comes_back_from_its_characters() -> None:
    for number in (0, 1, 62, 2**80, 2**128 - 1, 62**22 - 1):
        assert from_base62(base62(number)) == number
    assert from_base62("-" * 22) is None
