"""Replays from places where nobody would look for one."""

from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from tests.unit.engine.laws import ALL
from tests.unit.engine.world import World

PAUSE = """
id: pause
namespace: t.t
tasks:
  - id: wait
    type: io.kestra.plugin.core.flow.Pause
    pauseDuration: PT10S
    onPause: {id: told, type: io.kestra.plugin.core.log.Log, message: x}
"""


def test_a_replay_from_what_a_pause_runs_as_it_begins_is_one_from_the_pause() -> None:
    world = World(PAUSE, laws=ALL)
    life = world.create("pause")
    world.deliver("e", i.Replay("again", life.run("told").id))
    world.settle()
    for one in (life, world.lives["again"]):
        assert (one.state, one.history[-1]) == (None, "SUCCESS")
        assert (one.run("told").state.current, len(one.run("told").attempts)) == (S.SUCCESS, 1)
