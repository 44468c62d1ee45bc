"""Answers of look-ups: they may come twice, late, as errors, or from what lies in storage; the same decision is made."""

from dataclasses import replace
from datetime import timedelta

import pytest
from immutables import Map

from kestra_stream.engine.decide import MOST_LOOK_UPS, decide
from kestra_stream.engine.plan import ROOT, Plan
from kestra_stream.errors import ExpressionError
from kestra_stream.models import execution_input as i
from kestra_stream.models.state import S
from kestra_stream.plugin.context.encryption import Vault
from tests.unit.engine.laws import ALL
from tests.unit.engine.nasty import FLOW, LOG
from tests.unit.engine.world import Life, Outcomes, World


def begun(source: str, outcomes: Outcomes | None = None, **answers: object) -> tuple[World, Life]:
    world = World("id: main\nnamespace: t.t\n" + source, outcomes=outcomes, laws=ALL)
    world.answers.update(answers)
    return world, world.create("main")


ASKING = {
    "a task": f"""
tasks:
  - {{id: t, type: {FLOW}.Switch, value: "{{{{ kv('k') }}}}", cases: {{a: [{{id: x, {LOG}}}]}}}}
  - {{id: u, {LOG}}}
""",
    "an input": f"""
inputs:
  - {{id: n, type: STRING, defaults: "{{{{ kv('k') }}}}"}}
tasks:
  - {{id: t, {LOG}}}
""",
    "an output": f"""
tasks:
  - {{id: t, {LOG}}}
outputs:
  - {{id: o, type: STRING, value: "{{{{ kv('k') }}}}"}}
afterExecution:
  - {{id: after, {LOG}}}
""",
    "a loop": f"""
tasks:
  - id: t
    type: {FLOW}.LoopUntil
    condition: "{{{{ kv('k') == 'a' }}}}"
    tasks: [{{id: x, {LOG}}}]
  - {{id: u, {LOG}}}
""",
}


@pytest.mark.parametrize("who", ASKING)
def test_an_answer_that_comes_again_changes_nothing(who: str) -> None:
    world, life = begun(ASKING[who], kv="a")
    while world.turn(0):
        for told in [told for told in world.told if isinstance(told[1], i.LookedUp)]:
            world.deliver(*told)
            world.deliver(*told)
    assert life.head.state.current is S.SUCCESS
    assert all(len(run.attempts) <= 1 for run in life.runs.values())


@pytest.mark.parametrize("who", ASKING)
def test_an_executor_that_restarts_asks_again_or_knows_the_answer(who: str) -> None:
    world, life = begun(ASKING[who], kv="a")
    world.restart_executor("e")
    while world.turn(0):
        world.restart_executor("e")
    assert life.head.state.current is S.SUCCESS


def test_a_kill_while_the_outputs_wait_for_an_answer_ends_the_execution() -> None:
    world, life = begun(ASKING["an output"], kv="a")
    while not any(isinstance(report, i.LookedUp) for _, report in world.reports):
        world.turn(0)
    world.deliver("e", i.Kill())
    world.settle()
    assert life.head.state.current is S.KILLED


STORED = f"""
inputs:
  - {{id: n, type: INT, defaults: 1}}
tasks:
  - {{id: t, {LOG}}}
  - {{id: s, type: {FLOW}.Switch, value: "{{{{ outputs.t.v.a }}}}", cases: {{x: [{{id: yes_, {LOG}}}]}}}}
"""


def test_a_value_that_lies_in_storage_is_looked_up_once() -> None:
    spilled: Outcomes = {"t": [(S.SUCCESS, {"v": {"$spilled": "kestra:///v"}})]}
    world, life = begun(STORED, spilled)
    world.answers["$spilled"] = {"a": "x"}
    world.settle()
    assert life.states() == {"t": ["SUCCESS"], "s": ["SUCCESS"], "yes_": ["SUCCESS"]}
    assert len([told for _, told in world.told if isinstance(told, i.LookedUp)]) == 1


def test_a_value_that_was_encrypted_can_not_be_read_without_the_key() -> None:
    sealed: Outcomes = {"t": [(S.SUCCESS, {"v": {"type": "io.kestra.datatype:aes_encrypted", "value": "abc"}})]}
    world, life = begun(STORED, sealed)
    world.settle()
    assert life.states() == {"t": ["SUCCESS"], "s": ["FAILED"]}


@pytest.mark.parametrize(("who", "asker"), [("a task", "t"), ("an output", "")])
def test_an_expression_asks_for_so_many_values_at_most(who: str, asker: str) -> None:
    """A task fails that asks for more; for the execution itself whoever decides ends it."""
    world, life = begun(ASKING[who], kv="a")
    while not any(isinstance(report, i.LookedUp) for _, report in world.reports):
        world.turn(0)
    ((_, answer),) = world.reports
    assert isinstance(answer, i.LookedUp)
    assert life.state is not None
    run_id = life.run(asker).id if asker else ROOT
    others = Map({str(number): (None, None) for number in range(MOST_LOOK_UPS)})
    crowded = life.state._replace(answers=Map({run_id: others}))
    if asker:
        decision = decide(crowded, replace(answer, answers=()), world.now)
        assert decision.state.task_runs[run_id].state.current is S.FAILED
    else:
        with pytest.raises(ExpressionError, match="more than 1000 values"):
            decide(crowded, replace(answer, answers=()), world.now)


TIMED = f"""
tasks:
  - id: t
    type: {FLOW}.Sequential
    timeout: "{{{{ kv('k') }}}}"
    tasks:
      - {{id: x, {LOG}}}
"""


@pytest.mark.parametrize(("answer", "end"), [("PT1H", "SUCCESS"), (ValueError("gone"), "FAILED"), ("soon", "FAILED")])
def test_after_a_restart_the_timeout_is_looked_up_anew(answer: object, end: str) -> None:
    world, life = begun(TIMED, {"x": [S.FAILED, S.SUCCESS]}, kv="PT1H")
    world.settle()
    assert life.head.state.current is S.FAILED
    world.answers["kv"] = answer
    world.deliver("e", i.Restart())
    while world.turn(0):
        for told in [told for told in world.told if isinstance(told[1], i.LookedUp)][-1:]:
            world.deliver(*told)
    assert life.head.state.current.value == end


DRAWN = f"""
tasks:
  - {{id: t, type: {FLOW}.Switch, value: "{{{{ randomInt(1, 1000) }}}}", defaults: [{{id: x, {LOG}}}]}}
"""


def test_what_is_drawn_by_chance_is_drawn_alike_by_whoever_decides_again() -> None:
    """The law that the same input is decided the same holds for chance too."""
    _, life = begun(DRAWN)
    _, again = begun(DRAWN)
    assert life.run("t").outputs == again.run("t").outputs
    first = life.past[0]
    other = decide(first.before, first.message, first.now + timedelta(days=1))
    assert [run.outputs for run in other.state.task_runs.values() if run.task_id == "t"] == [life.run("t").outputs]


TOGETHER = f"""
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - {{id: t, type: {FLOW}.Switch, value: "{{{{ kv('a') ~ secret('b') }}}}", cases: {{xy: [{{id: x, {LOG}}}]}}}}
      - {{id: u, {LOG}}}
"""


def test_answers_of_one_run_are_kept_while_another_works() -> None:
    world, life = begun(TOGETHER, kv="x", secret="y")
    world.turn(0)  # the first answer comes, and another is asked for
    world._take_job(0)  # noqa: SLF001 - meanwhile the work beside it goes on
    world._end_job(0)  # noqa: SLF001
    world._some_report(-1)  # noqa: SLF001
    assert life.states() == {"p": ["RUNNING"], "t": ["CREATED"], "u": ["SUCCESS"]}
    world.settle()
    assert life.states() == {"p": ["SUCCESS"], "t": ["SUCCESS"], "x": ["SUCCESS"], "u": ["SUCCESS"]}


KEY = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI="


def test_a_secret_input_is_stored_encrypted_where_the_server_has_a_key() -> None:
    world = World(f"id: main\nnamespace: t.t\ninputs: [{{id: s, type: SECRET}}]\ntasks: [{{id: t, {LOG}}}]", laws=ALL)
    world.plans["main"] = Plan(world.plans["main"].flow, Vault(KEY))
    life = world.create("main", {"s": "open sesame"})
    assert life.head.inputs["s"]["type"] == "io.kestra.datatype:aes_encrypted"
    assert "sesame" not in str(life.head)


TWO = f"""
tasks:
  - {{id: t, type: {FLOW}.Switch, value: "{{{{ kv('a') ~ secret('b') }}}}", cases: {{xy: [{{id: x, {LOG}}}]}}}}
"""


def test_an_answer_is_kept_while_another_is_awaited_also_by_an_executor_that_restarts() -> None:
    world, life = begun(TWO, kv="x", secret="y")
    while world.turn(0):
        world.restart_executor("e")
    assert life.states() == {"t": ["SUCCESS"], "x": ["SUCCESS"]}
