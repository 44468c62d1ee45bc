"""Of a crowd those are picked that matter; it counts what has ended."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kestra_stream.cli.follow.crowd import BAD, Crowd
from kestra_stream.models.state import S


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from([S.CREATED, S.RUNNING, S.SUCCESS, S.FAILED, None]))), st.integers(1, 12))
def test_a_pick_is_in_order_within_its_bound_and_shows_what_went_wrong(changes: list[tuple[int, S | None]], most: int) -> None:
    crowd: Crowd[int] = Crowd()
    model: dict[int, S] = {}
    for thing, state in changes:
        if state is None:
            crowd.remove(thing)
            model.pop(thing, None)
        else:
            crowd.put(thing, state)
            model[thing] = state
    picked = crowd.pick(most)
    assert picked == [thing for thing in model if thing in picked]
    assert len(picked) == min(most, len(model))
    bad = [thing for thing, state in model.items() if state in BAD]
    assert len(set(bad) & set(picked)) >= min(len(bad), max(most // 2, 1))
    assert crowd.ended == sum(state.is_terminal for state in model.values())


def together(**states: S) -> S:
    crowd: Crowd[str] = Crowd()
    for name, state in states.items():
        crowd.put(name, state)
    return crowd.state


def test_all_together_run_while_one_does_and_then_have_the_worst_state() -> None:
    assert together() is S.SUCCESS
    assert together(a=S.FAILED, b=S.RUNNING) is S.RUNNING
    assert together(a=S.FAILED, b=S.SUCCESS) is S.FAILED
