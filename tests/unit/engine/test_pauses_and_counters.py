"""What a pause by hand changes (nothing but time), and how batches and calls are counted, whatever the order of things."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kestra_stream.engine import commands as c
from kestra_stream.models import execution_input as i
from kestra_stream.models.messages import TaskJob
from kestra_stream.models.state import S, StateType
from tests.unit.engine.deeds import ACCIDENTS, OUTCOMES, QUICK, Happening, begun, end, happen, happenings
from tests.unit.engine.laws import ALL
from tests.unit.engine.nasty import CHILD, FLOW, NAMES
from tests.unit.engine.world import Happened, Life, Outcomes, World

pytestmark = pytest.mark.slow

# of the nasty flows those that count no time: a timeout, an agreement or a date may well end in a long pause
FLOWS = st.sampled_from([name for name in NAMES if name not in {"approvals", "in_line", "new_execution"}])


def nothing_starts_in_a_pause(world: World, life: Life, happened: Happened) -> None:
    """From a pause by hand to its end no run comes to be and no job goes out; what runs already may end."""
    before, after = happened.before, happened.decision.state
    if before.execution.state.current is not S.PAUSED or after.execution.state != before.execution.state or before.paused:
        return
    offered = [command.job for command in happened.decision.commands if isinstance(command, c.Offer)]
    assert [job.task_id for job in offered if isinstance(job, TaskJob) and after.plan.nodes[job.task_id].section != "onPause"] == []
    fresh = [run for run_id, run in after.task_runs.items() if run_id not in before.task_runs and not run.dynamic]
    assert [run.task_id for run in fresh if after.plan.nodes[run.task_id].section != "onPause"] == []


@settings(QUICK, max_examples=60)
@given(flow_id=FLOWS, outcomes=OUTCOMES, happened=happenings(ACCIDENTS, 30), more=st.integers(0, 25), data=st.data())
def test_a_pause_and_a_resume_change_nothing_but_time(
    flow_id: str, outcomes: Outcomes, happened: list[Happening], more: int, data: st.DataObject
) -> None:
    """The same tasks run to the same states as without the pause, and nothing starts meanwhile."""
    straight, quiet = begun(flow_id, outcomes)
    end(straight)
    world, life = begun(flow_id, outcomes)
    world.laws = (*ALL, nothing_starts_in_a_pause)
    happen(world, happened)
    world.deliver("e", i.Pause())
    world.play(data.draw(st.lists(st.integers(0, 1000), max_size=more)))
    world.deliver("e", i.Resume())
    end(world)
    assert life.head.state.current is quiet.head.state.current
    if quiet.head.state.current is S.SUCCESS:
        assert {task: sorted(states) for task, states in life.states().items()} == {
            task: sorted(states) for task, states in quiet.states().items()
        }


# -- batches -----------------------------------------------------------------------------------------------------------

ENDS = st.lists(st.sampled_from([S.SUCCESS, S.WARNING, S.FAILED]), min_size=1, max_size=6)
ITEMS = f"""
id: items
namespace: t.t
tasks:
  - id: items
    type: {FLOW}.ForEachItem
    items: "kestra:///rows.ion"
    namespace: t.t
    flowId: child
    transmitFailed: %s
"""


def counters_add_up(world: World, life: Life, happened: Happened) -> None:
    """At any time the counters of a call of batches are as many as there are batches, and no end is taken back."""
    for run in happened.decision.state.task_runs.values():
        outputs = run.outputs or {}
        if "iterations" not in outputs:
            continue
        counts = outputs["iterations"]
        assert sum(counts.values()) == outputs["numberOfBatches"]
        before = happened.before.task_runs.get(run.id)
        known = (before.outputs or {}).get("iterations", {}) if before is not None else {}
        for state in ("SUCCESS", "WARNING", "FAILED", "KILLED"):
            assert counts.get(state, 0) >= known.get(state, 0)


@settings(QUICK, max_examples=60)
@given(ends=ENDS, transmit=st.booleans(), happened=happenings(ACCIDENTS, 60))
def test_each_batch_is_counted_once_and_the_worst_wins(ends: list[StateType], transmit: bool, happened: list[Happening]) -> None:  # noqa: FBT001 - drawn
    split = {"numberOfBatches": len(ends), "base": "kestra:///rows", "splits": "kestra:///splits"}
    parallel_child = CHILD.replace("concurrency: {limit: 1}\n", "")
    world = World(
        ITEMS % str(transmit).lower(),
        parallel_child,
        outcomes={"items_split": [(S.SUCCESS, split)]},
        laws=(*ALL, counters_add_up),
    )
    life = world.create("items")
    queue = list(ends)
    given_to: dict[str, StateType] = {}

    def drawn(task_run_id: str) -> StateType:
        return given_to.setdefault(task_run_id, queue[len(given_to)] if len(given_to) < len(queue) else S.SUCCESS)

    world.result_of = drawn
    happen(world, happened)
    world.settle()
    calls = next(run for run in life.runs.values() if "iterations" in (run.outputs or {}))
    counts = Counter(child.head.state.current.value for child in world.lives.values() if child.head.flow_id == "child")
    assert (calls.outputs or {})["iterations"] == dict(counts)
    worst = next((state for state in (S.FAILED, S.WARNING) if counts.get(state.value)), S.SUCCESS)
    assert calls.state.current is (worst if transmit else S.SUCCESS)
    assert len({child.head.id for child in world.lives.values()}) == len(ends) + 1


CALL = f"""
id: call
namespace: t.t
tasks:
  - {{id: call, type: {FLOW}.Subflow, namespace: t.t, flowId: child, transmitFailed: %s, retry: {{type: constant, interval: PT1S, maxAttempts: 3}}}}
"""


@settings(QUICK, max_examples=60)
@given(ends=ENDS, transmit=st.booleans(), happened=happenings(ACCIDENTS, 60))
def test_a_call_has_one_attempt_a_child_and_tells_how_the_last_one_ended(
    ends: list[StateType], transmit: bool, happened: list[Happening]  # noqa: FBT001 - drawn
) -> None:  # fmt: skip
    world = World(CALL % str(transmit).lower(), CHILD, laws=ALL)
    life = world.create("call")
    given_to: dict[str, StateType] = {}
    world.result_of = lambda run_id: given_to.setdefault(run_id, (ends * 3)[len(given_to)])
    happen(world, happened)
    world.settle()
    run = life.run("call")
    children = [child for child in world.lives.values() if child.head.flow_id == "child"]
    assert len(run.attempts) == len(children)
    ended = [child.head.state.current for child in sorted(children, key=lambda child: child.head.state.start_date)]
    assert [attempt.state.current for attempt in run.attempts] == (ended if transmit else [S.SUCCESS])
    outputs = run.outputs or {}
    assert outputs["state"] == ended[-1].value
    assert outputs["outputs"] == ({} if ended[-1] is S.FAILED else {"answer": "42"}) or ended[-1] is S.FAILED
    assert all(other is S.FAILED for other in (ended[:-1] if transmit else []))
    for (_, first_end), (second_begin, _) in pairwise(
        (attempt.state.histories[0].date, attempt.state.histories[-1].date) for attempt in run.attempts
    ):
        assert second_begin >= first_end
