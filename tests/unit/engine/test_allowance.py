"""An execution full of costly expressions works in short steps, and may render plain ones only once it has used its allowance."""

from datetime import UTC, datetime, timedelta

import pytest

from kestra_stream.engine import commands as c
from kestra_stream.engine.allowance import A_SECOND, BURST, LEAST, spent_by
from kestra_stream.models import execution_input as i
from kestra_stream.models.records import Level
from kestra_stream.models.state import S
from tests.unit.engine.laws import ALL
from tests.unit.engine.world import World

pytestmark = pytest.mark.slow

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ENDLESS = "{% for a in 1..1000 %}{% for b in 1..1000 %}{% for c in 1..1000 %}x{% endfor %}{% endfor %}{% endfor %}"
FAN_OUT = """
id: fan
namespace: t.t
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ range(1, 12) }}"
    concurrencyLimit: 0
    tasks:
      - id: guard
        type: io.kestra.plugin.core.flow.AllowFailure
        tasks:
          - {id: costly, type: io.kestra.plugin.core.log.Log, message: x, runIf: "CONDITION"}
"""


def test_what_was_spent_is_forgotten_with_time() -> None:
    assert spent_by(0, None, NOW) == 0
    assert spent_by(BURST, NOW, NOW + timedelta(seconds=1)) == BURST - A_SECOND
    assert spent_by(BURST, NOW, NOW + timedelta(hours=1)) == 0


def test_a_fan_out_of_endless_expressions_lets_others_have_their_turn_between_any_two() -> None:
    world = World(FAN_OUT.replace("CONDITION", ENDLESS), laws=ALL[2:])  # deciding everything twice takes long
    life = world.create("fan")
    world.settle()
    assert life.states() == {"each": ["WARNING"], "guard": ["WARNING"] * 12, "costly": ["FAILED"] * 12}
    for happened in life.past:
        before, after = happened.before.task_runs, happened.decision.state.task_runs
        failed = [run for run in after.values() if run.task_id == "costly" and run.state.current is S.FAILED]
        fresh = [run for run in failed if run.id not in before or before[run.id].state.current is not S.FAILED]
        assert len(fresh) <= 1 or happened.before.spent >= BURST
    assert life.past[-1].decision.state.spent < BURST + 40 * (LEAST + 10)
    errors = [line.message for line in world.logs if line.level is Level.ERROR]
    assert "more than 1,000,000 steps, which is more than one expression may use" in errors[0]
    assert f"more than {LEAST:,} steps, and its execution has used" in errors[-1]


def test_a_fan_out_of_plain_expressions_is_not_cut() -> None:
    world = World(FAN_OUT.replace("CONDITION", "{{ taskrun.id != 7 }}"), laws=ALL)
    life = world.create("fan")
    assert [command for command in life.commands() if isinstance(command, c.Tell) and isinstance(command.input, i.Continued)] == []
    world.settle()
    assert life.states()["costly"].count("SUCCESS") == 12


def test_the_rest_of_a_costly_step_is_killed_with_its_execution() -> None:
    world = World(FAN_OUT.replace("CONDITION", ENDLESS), laws=ALL[2:])
    life = world.create("fan")
    world.deliver("e", i.Kill())
    world.settle()
    assert (life.history[-1], life.state) == ("KILLED", None)
    assert life.states()["costly"].count("FAILED") < 5


def test_an_executor_that_restarts_in_between_goes_on() -> None:
    world = World(FAN_OUT.replace("CONDITION", ENDLESS), laws=ALL[2:])
    life = world.create("fan")
    world.restart_executor("e")
    world.settle()
    assert life.states()["costly"] == ["FAILED"] * 12
