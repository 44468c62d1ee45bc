"""Rounds of a LoopUntil that somebody meddles with."""

import pytest

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from tests.unit.engine.laws import ALL
from tests.unit.engine.world import World

LOOP = """
id: loop
namespace: t.t
tasks:
  - id: until
    type: io.kestra.plugin.core.flow.LoopUntil
    condition: "{{ outputs.until.iterationCount >= 2 }}"
    checkFrequency: {interval: PT1S}
    tasks:
      - id: seq
        type: io.kestra.plugin.core.flow.Sequential
        tasks:
          - {id: wait, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT60S}
          - id: flaky
            type: io.kestra.plugin.core.log.Log
            message: x
            retry: {type: constant, interval: PT10S, maxAttempts: 3}
"""


def test_a_round_that_a_person_takes_up_again_is_not_cut_off_by_the_date_of_the_next() -> None:
    """Its child waits for a retry when the next round would have begun."""
    world = World(LOOP, outcomes={"flaky": [S.FAILED, S.SUCCESS]}, laws=ALL)
    life = world.create("loop")
    world.settle_until(world.now)
    world.deliver("e", i.ChangeTaskRunState(life.run("seq").id, S.SUCCESS))
    world.deliver("e", i.Resume())
    world.settle_until(world.now)
    assert [name.partition(":")[0] for _, name in world.timers] == ["loop"]
    world.deliver("e", i.ChangeTaskRunState(life.run("wait").id, S.SUCCESS))
    world.settle()
    assert (life.history[-1], life.state) == ("SUCCESS", None)
    assert life.run("until").outputs == {"iterationCount": 2}


@pytest.mark.parametrize(
    ("condition", "most", "told"),
    [("false", "{{ 'abc' }}", "maxIterations must be a whole number, but is `abc`"), ("{{ render('{{ x ') }}", "3", "is not closed")],
)
def test_a_loop_whose_conditions_make_no_sense_fails_at_its_place(condition: str, most: str, told: str) -> None:
    source = LOOP.replace("{{ outputs.until.iterationCount >= 2 }}", condition).replace("PT1S}", f'PT1S, maxIterations: "{most}"}}', 1)
    world = World(source, outcomes={"flaky": [S.SUCCESS]}, laws=ALL)
    life = world.create("loop")
    world.settle()
    assert (life.history[-1], life.run("until").state.current) == ("FAILED", S.FAILED)
    assert [line.task_id for line in world.logs if told in line.message] == ["until"]
