"""Timers: against a plain dictionary of moments, over random histories; and small heaps after many changes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kestra_stream.runtime.timers import Timers

START = datetime(2030, 1, 1, tzinfo=UTC)
STEPS = st.lists(st.tuples(st.sampled_from(["set", "cancel", "serve"]), st.integers(0, 5), st.integers(0, 20)), max_size=60)


@given(STEPS)
def test_timers_are_a_dictionary_of_moments_that_knows_its_earliest(steps: list[tuple[str, int, int]]) -> None:
    timers: Timers[int] = Timers()
    model: dict[int, datetime] = {}
    for action, key, seconds in steps:
        moment = START + timedelta(seconds=seconds)
        if action == "set":
            timers.set(key, moment)
            model[key] = moment
        elif action == "cancel":
            timers.cancel(key)
            model.pop(key, None)
        else:
            due = timers.due(moment)
            assert sorted(due) == sorted(found for found, at in model.items() if at <= moment)
            assert [model[found] for found in due] == sorted(model[found] for found in due)
            assert timers.due(moment) == due
        assert timers.next_at() == min(model.values(), default=None)
        assert len(timers) == len(model)


def test_no_more_are_due_than_asked_for() -> None:
    timers: Timers[int] = Timers()
    for key in range(10):
        timers.set(key, START + timedelta(seconds=key))
    assert timers.due(START + timedelta(minutes=1), 3) == [0, 1, 2]


def test_a_timer_that_is_moved_again_and_again_takes_no_memory() -> None:
    timers: Timers[str] = Timers()
    for number in range(10_000):
        timers.set("key", START + timedelta(seconds=number))
    assert len(timers) == 1
    assert len(timers._heap) < 100  # noqa: SLF001 - what is promised is that this stays small
