"""Wide and tangled graphs: every child starts once, when the last of what it waits for has ended."""

import pytest

from kestra_stream.engine.decide import decide
from kestra_stream.engine.plan import Plan
from kestra_stream.engine.state import ExecutionState
from kestra_stream.models.execution import Execution
from kestra_stream.models.execution_input import Create
from kestra_stream.models.state import State
from kestra_stream.plugin.flow_source import parse_flow
from kestra_stream.testing.clock import ManualClock
from kestra_stream.testing.driver import Driver, Mischief

LOG = "type: io.kestra.plugin.core.log.Log, message: x"
WIDE = 1200


def dag(limit: int) -> str:
    many = "\n".join(f"      - {{task: {{id: t{number}, {LOG}}}, dependsOn: [first, first]}}" for number in range(30))
    return f"""
id: main
namespace: t.t
tasks:
  - id: dag
    type: io.kestra.plugin.core.flow.Dag
    concurrent: {limit}
    tasks:
      - {{task: {{id: first, {LOG}}}}}
      - {{task: {{id: off, disabled: true, {LOG}}}}}
{many}
      - {{task: {{id: last, {LOG}}}, dependsOn: [off, {", ".join(f"t{number}" for number in range(30))}]}}
"""


@pytest.mark.parametrize("limit", [0, 3])
@pytest.mark.parametrize("seed", range(5))
def test_the_last_of_a_dag_starts_after_all_that_it_waits_for(limit: int, seed: int) -> None:
    story = Driver(dag(limit), seed=seed, mischief=Mischief(crash=0.05, reorder=0.3, double=0.2)).run("main")
    assert story.state == "SUCCESS"
    assert len(story.task_runs) == 33
    began = story.run("last").state.start_date
    assert all(run.state.histories[-1].date <= began for run in story.task_runs if run.task_id not in {"dag", "last"})


@pytest.mark.parametrize("kind", ["Parallel", "Dag"])
def test_thousands_of_children_are_created_in_slices(kind: str) -> None:
    row = "{id: t%d, " + LOG + "}" if kind == "Parallel" else "{task: {id: t%d, " + LOG + "}}"
    rows = "\n".join("      - " + row % number for number in range(WIDE))
    source = f"id: main\nnamespace: t.t\ntasks:\n  - id: wide\n    type: io.kestra.plugin.core.flow.{kind}\n    tasks:\n{rows}\n"
    plan = Plan(parse_flow(source))
    now = ManualClock().now()
    head = Execution("e1", "t.t", "main", 1, State.created(now))
    state = decide(ExecutionState(plan, head), Create(head), now).state
    assert 1 < len(state.task_runs) <= 501
    assert state.is_continuing
