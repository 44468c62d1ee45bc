"""Whatever happens to an execution, in whatever order: each decision keeps the laws, and everything comes to an end."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from tests.unit.engine.deeds import ACCIDENTS, DEEDS, FLOWS, OUTCOMES, QUICK, Happening, begun, end, happen, happenings
from tests.unit.engine.world import Life, Outcomes, World

pytestmark = pytest.mark.slow


def assert_all_has_ended(world: World) -> None:
    for life in world.lives.values():
        assert life.state is None, (life.head.id, life.history, life.states())
        assert life.head.state.is_terminal
        assert all(run.state.is_terminal for run in life.runs.values())
    assert not world.timers
    assert all(not slots.holders and not slots.line for slots in world.slots.values()), "a slot leaked"


@settings(QUICK, max_examples=150)
@given(flow_id=FLOWS, outcomes=OUTCOMES, happened=happenings(DEEDS))
def test_everything_comes_to_its_end_and_keeps_the_laws(flow_id: str, outcomes: Outcomes, happened: list[Happening]) -> None:
    world, _ = begun(flow_id, outcomes)
    happen(world, happened)
    end(world)
    assert_all_has_ended(world)


@settings(QUICK, max_examples=60)
@given(flow_id=FLOWS, outcomes=OUTCOMES, happened=happenings(ACCIDENTS))
def test_accidents_do_not_change_how_it_ends(flow_id: str, outcomes: Outcomes, happened: list[Happening]) -> None:
    """Lost workers, doubled and late reports, restarts of the executor and the order of things: the same tasks end in the same states."""
    straight, quiet = begun(flow_id, outcomes)
    end(straight)
    world, life = begun(flow_id, outcomes)
    happen(world, happened)
    end(world)
    assert life.head.state.current is quiet.head.state.current
    if quiet.head.state.current is S.SUCCESS:
        assert {task: sorted(states) for task, states in life.states().items()} == {
            task: sorted(states) for task, states in quiet.states().items()
        }


def inputs_of(world: World) -> list[tuple[datetime, str, i.ExecutionInput]]:
    return [(past.now, life.head.id, past.message) for life in world.lives.values() for past in life.past]


def what_ran(life: Life) -> dict[str, S]:
    """States of all runs but those that died before anybody had them."""
    return {run.id: run.state.current for run in life.runs.values() if run.attempts or run.state.current is not S.KILLED}


@QUICK
@given(flow_id=FLOWS, outcomes=OUTCOMES, happened=happenings(DEEDS))
def test_an_executor_that_restarts_before_every_input_decides_the_same(flow_id: str, outcomes: Outcomes, happened: list[Happening]) -> None:
    """Stored and restored at every point of a history, an execution goes the same way."""
    world, _ = begun(flow_id, outcomes)
    happen(world, happened)
    end(world)
    again, _ = begun(flow_id, outcomes)
    for moment, execution_id, message in sorted(inputs_of(world), key=lambda one: one[0])[1:]:
        if execution_id in again.lives:
            again.restart_executor(execution_id)
        if isinstance(message, i.TimerFired):
            again.timers.pop((execution_id, message.timer_id), None)
        again.now = moment - timedelta(microseconds=1)
        again.deliver(execution_id, message)
    for execution_id, life in world.lives.items():
        assert what_ran(again.lives[execution_id]) == what_ran(life)
        assert again.lives[execution_id].history == life.history


@QUICK
@given(flow_id=FLOWS, outcomes=OUTCOMES, happened=happenings(DEEDS), data=st.data())
def test_a_report_that_comes_again_at_any_time_changes_nothing(
    flow_id: str, outcomes: Outcomes, happened: list[Happening], data: st.DataObject
) -> None:
    world, life = begun(flow_id, outcomes)
    happen(world, happened)
    reports = [
        past.message for past in life.past if isinstance(past.message, i.TaskRunStarted | i.TaskRunEnded | i.SubflowEnded | i.Create)
    ]
    message = data.draw(st.sampled_from(reports))
    decision = world.deliver("e", message)
    assert decision is None or decision.commands == ()
