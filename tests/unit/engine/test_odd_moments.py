"""Things that happen at odd moments: late, twice, to nobody, or while something else is half done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from kestra_stream.engine import commands as c
from kestra_stream.engine.decide import decide, fail_execution
from kestra_stream.engine.limiter import flow_scope
from kestra_stream.engine.rules.kill import GRACE
from kestra_stream.models import execution_input as i
from kestra_stream.models.execution import TaskRun
from kestra_stream.models.ids import derived_id
from kestra_stream.models.messages import ReleaseSlot
from kestra_stream.models.state import S, State
from tests.unit.engine.laws import ALL, a_good_end_has_run_everything
from tests.unit.engine.nasty import BATCHES, CHILD, FLOW, LOG, PARALLEL
from tests.unit.engine.world import Law, Life, Outcomes, World

RETRY = "retry: {type: constant, interval: PT1S, maxAttempts: 2}"


def begun(
    source: str, outcomes: Outcomes | None = None, laws: tuple[Law, ...] = ALL, breakpoints: tuple[str, ...] = ()
) -> tuple[World, Life]:
    world = World("id: main\nnamespace: t.t\n" + source, CHILD, outcomes=outcomes, laws=laws)
    return world, world.create("main", breakpoints=breakpoints)


def until(world: World, holds: Callable[[], object]) -> None:
    for _ in range(2000):
        if holds():
            return
        assert world.turn(0), "it never came to this"
    raise AssertionError("it never came to this")


def begin(world: World) -> None:
    """Let workers take what is offered, and end nothing."""
    while world.mail or world.reports or world.offered:
        for deed in world._moves():  # noqa: SLF001
            if deed.__name__ != "_end_job":
                deed(0)
                break


ONE = f"tasks: [{{id: a, {LOG}}}]"


@pytest.mark.parametrize(
    "message",
    [
        i.Resume(),
        i.Resume(task_run_id="nobody"),
        i.ResumeFromBreakpoint(),
        i.Restart(),
        i.ForceRun(),
        i.Continued(),
        i.TimerFired("nothing"),
        i.WorkerLost("nobody", 1),
        i.TaskRunStarted("nobody", 1, "w", World().now),
        i.SubflowEnded("nobody", 1, "child", S.SUCCESS),
        i.Admitted("another scope"),
        i.Refused("another scope", S.FAILED),
        i.ChangeTaskRunState("nobody", S.SUCCESS),
        i.ChildTaskRunReported(TaskRun("x", "a", State.created(World().now), "nobody"), 1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_nobody_waits_for_changes_nothing(message: i.ExecutionInput) -> None:
    world, life = begun(ONE)
    begin(world)
    decision = world.deliver("e", message)
    assert decision is not None
    assert decision.commands == ()
    run = life.run("a")
    for odd in (i.SubflowEnded(run.id, run.epoch, "child", S.SUCCESS), i.SubflowRetried("nobody", 1, "child", "other")):
        told = world.deliver("e", odd)
        assert told is not None
        assert [command for command in told.commands if not isinstance(command, c.Tell)] == []
    world.settle()
    assert life.head.state.current is S.SUCCESS


def test_a_new_execution_of_a_child_that_nobody_wants_dies() -> None:
    world, _ = begun(ONE)
    decision = world.deliver("e", i.SubflowRetried("nobody", 1, "old", "new"))
    assert decision is not None
    assert decision.commands == (c.Tell("new", i.Kill()),)


def test_an_execution_that_the_engine_cannot_go_on_with_fails_with_all_that_is_open() -> None:
    world, life = begun(f"tasks: [{{id: p, type: {FLOW}.Parallel, tasks: [{{id: a, {LOG}}}, {{id: b, type: {FLOW}.Pause}}]}}]")
    begin(world)
    assert life.state is not None
    decision = fail_execution(life.state, "a bug", world.now)
    assert {run.task_id: run.state.current.value for run in decision.state.task_runs.values()} == dict.fromkeys(("p", "a", "b"), "FAILED")
    assert (decision.state.execution.state.current, decision.state.execution.error) == (S.FAILED, "a bug")
    kinds = [type(command) for command in decision.commands]
    assert c.Forget in kinds
    assert c.StopJobs in kinds


# -- kills -------------------------------------------------------------------------------------------------------------


def test_the_grace_of_a_kill_does_not_reach_what_runs_after_the_end() -> None:
    world, life = begun(f"tasks: [{{id: a, {LOG}}}]\nafterExecution: [{{id: after, {LOG}}}]")
    begin(world)
    world.deliver("e", i.Kill())
    until(world, lambda: any(job.task_id == "after" for job in world.held))
    assert life.head.state.current is S.KILLED
    world.fire_next_timer()
    assert not life.run("after").state.is_terminal
    world.settle()
    assert life.run("after").state.current is S.SUCCESS


def test_workers_that_never_answer_are_given_up_after_the_grace() -> None:
    world, life = begun(ONE)
    begin(world)
    world.deliver("e", i.Kill())
    began = world.now
    world.fire_next_timer()
    assert world.now - began >= GRACE - timedelta(seconds=1)
    assert life.states() == {"a": ["KILLED"]}
    assert life.head.state.current is S.KILLED


def test_a_worker_that_is_lost_while_its_execution_is_killed_is_not_replaced() -> None:
    world, life = begun(ONE)
    begin(world)
    world.deliver("e", i.Kill())
    world.lose_worker(0)
    world.settle()
    assert life.states() == {"a": ["KILLED"]}
    assert len(life.jobs("a")) == 1


def test_a_dispatch_that_is_lost_before_it_began_goes_out_again_without_an_attempt() -> None:
    world, life = begun(ONE)
    (job,) = life.jobs("a")
    world.offered.clear()
    world.deliver("e", i.WorkerLost(job.task_run_id, job.epoch))
    world.settle()
    assert len(life.jobs("a")) == 2
    assert [attempt.state.current for attempt in life.run("a").attempts] == [S.SUCCESS]


EXITS = f"""
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - {{id: wait, type: {FLOW}.Pause}}
      - {{id: again, {LOG}, {RETRY}}}
      - id: out
        type: {FLOW}.Sequential
        tasks:
          - {{id: first, {LOG}}}
          - {{id: exit, type: io.kestra.plugin.core.execution.Exit, state: %s}}
"""


@pytest.mark.parametrize("state", ["KILLED", "FAILED", "SUCCESS"])
def test_an_exit_ends_what_waits_beside_it(state: str) -> None:
    laws = tuple(law for law in ALL if law is not a_good_end_has_run_everything)
    world, life = begun(EXITS % state, {"again": [S.FAILED]}, laws)
    world.settle()
    world.deliver("e", i.Resume())
    world.settle()
    assert all(run.state.is_terminal for run in life.runs.values()), life.states()
    assert life.head.state.current.value in {state, "FAILED"}
    world, life = begun(EXITS.replace("- {id: first, " + LOG + "}", "") % state, None, laws)
    world.settle()
    assert life.head.state.current.value == state
    assert all(run.state.is_terminal for run in life.runs.values()), life.states()


def test_a_kill_of_one_that_waits_for_a_new_execution_makes_none_and_tells_nobody() -> None:
    retry = "retry: {type: constant, interval: PT1H, behavior: CREATE_NEW_EXECUTION}"
    world, life = begun(f"tasks: [{{id: a, {LOG}, {retry}}}]", {"a": [S.FAILED]})
    until(world, lambda: life.head.state.current is S.RETRIED)
    world.deliver("e", i.Kill())
    world.settle()
    assert list(world.lives) == ["e"]
    assert not world.timers


def test_a_second_kill_changes_nothing() -> None:
    world, life = begun(ONE)
    until(world, lambda: life.head.state.current is S.RUNNING)
    world.deliver("e", i.Kill())
    before = life.head
    world.deliver("e", i.Kill())
    assert life.head == before
    world.settle()
    assert [line.state for line in life.head.state.histories][-2:] == [S.KILLING, S.KILLED]


def test_a_task_after_the_end_makes_no_new_execution() -> None:
    retry = "retry: {type: constant, interval: PT1H, behavior: CREATE_NEW_EXECUTION}"
    world, life = begun(f"{ONE}\nafterExecution: [{{id: after, {LOG}, {retry}}}]", {"after": [S.FAILED]})
    world.settle()
    assert list(world.lives) == ["e"]
    assert life.states()["after"] == ["FAILED"]
    assert life.head.state.current is S.SUCCESS


# -- breakpoints -------------------------------------------------------------------------------------------------------

THREE = f"tasks: [{{id: a, {LOG}}}, {{id: b, {LOG}}}, {{id: c, {LOG}}}]\nafterExecution: [{{id: after, {LOG}}}]"


def test_a_breakpoint_holds_its_task_until_somebody_goes_on() -> None:
    world, life = begun(THREE, breakpoints=("b", "c"))
    world.settle()
    assert (life.head.state.current, life.states()) == (S.BREAKPOINT, {"a": ["SUCCESS"], "b": ["BREAKPOINT"]})
    world.deliver("e", i.ResumeFromBreakpoint())
    world.settle()
    assert life.states() == {"a": ["SUCCESS"], "b": ["SUCCESS"], "c": ["BREAKPOINT"]}
    world.restart_executor("e")
    world.deliver("e", i.ResumeFromBreakpoint(breakpoints=()))
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert life.head.breakpoints == ()


def test_an_execution_can_be_killed_at_a_breakpoint() -> None:
    world, life = begun(THREE, breakpoints=("b",))
    world.settle()
    world.deliver("e", i.Kill())
    world.settle()
    assert (life.head.state.current, life.states()["b"]) == (S.KILLED, ["KILLED"])


def test_a_breakpoint_after_the_end_does_not_take_the_end_back() -> None:
    world, life = begun(THREE, breakpoints=("after",))
    world.settle()
    world.deliver("e", i.ResumeFromBreakpoint())
    world.settle()
    assert life.history == ["CREATED", "RUNNING", "SUCCESS"]
    assert life.states()["after"] == ["SUCCESS"]


# -- agreements, listeners, slots --------------------------------------------------------------------------------------


def test_an_agreement_counts_no_time_after_the_end() -> None:
    sla = "sla: [{id: quick, type: MAX_DURATION, duration: PT1M, behavior: FAIL}]"
    world, life = begun(f"{sla}\n{ONE}\nafterExecution: [{{id: after, {LOG}}}]")
    until(world, lambda: any(job.task_id == "after" for job in world.held))
    world.fire_next_timer()
    assert life.head.state.current is S.SUCCESS
    world.settle()
    assert life.states() == {"a": ["SUCCESS"], "after": ["SUCCESS"]}


@pytest.mark.parametrize("assertion", ["{{ missing.at.all }}", "{{ kv('k') }}"])
def test_an_assertion_that_cannot_be_evaluated_is_logged_and_not_broken(assertion: str) -> None:
    sla = f'sla: [{{id: sure, type: EXECUTION_ASSERTION, assert: "{assertion}", behavior: FAIL}}]'
    world, life = begun(f"{sla}\n{ONE}")
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert any("`sure` cannot be evaluated" in entry.message for entry in world.logs)


def test_a_listener_whose_condition_cannot_be_evaluated_does_not_run() -> None:
    condition = "{type: io.kestra.plugin.core.condition.Expression, expression: '{{ missing.at.all }}'}"
    world, life = begun(f"{ONE}\nlisteners: [{{conditions: [{condition}], tasks: [{{id: heard, {LOG}}}]}}]")
    world.settle()
    assert life.states() == {"a": ["SUCCESS"]}
    assert any("a listener's condition cannot be evaluated" in entry.message for entry in world.logs)


def test_a_refusal_that_comes_after_the_slot_changes_nothing() -> None:
    world, life = begun(f"concurrency: {{limit: 1}}\n{ONE}")
    begin(world)
    decision = world.deliver("e", i.Refused(flow_scope("main", "t.t", "main"), S.FAILED))
    assert decision is not None
    assert decision.commands == ()
    world.settle()
    assert life.head.state.current is S.SUCCESS


def test_inputs_that_do_not_fit_end_it_before_it_begins() -> None:
    world, life = begun(f"inputs: [{{id: n, type: INT, defaults: '{{{{ missing.x }}}}'}}]\n{ONE}")
    world.settle()
    assert life.head.state.current is S.FAILED
    assert life.states() == {}
    assert "n" in (life.head.error or "")


# -- many at once ------------------------------------------------------------------------------------------------------


MANY = f"{{id: l, type: {FLOW}.ForEach, values: {list(range(600))}, concurrencyLimit: 0, tasks: [{{id: a, {LOG}}}]}}"


@pytest.mark.parametrize("restarts", [False, True])
def test_many_values_begin_in_slices_and_none_is_lost(restarts: bool) -> None:  # noqa: FBT001 - drawn
    world, life = begun(f"tasks: [{MANY}]", laws=())
    if restarts:
        world.restart_executor("e")
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert len(life.states()["a"]) == 600


def test_an_exit_beside_a_fan_out_that_is_cut_ends_it() -> None:
    parallel = f"{{id: p, type: {FLOW}.Parallel, tasks: [{MANY}, {{id: x, type: io.kestra.plugin.core.execution.Exit, state: SUCCESS}}]}}"
    world, life = begun(f"tasks: [{parallel}]\nafterExecution: [{{id: after, {LOG}}}]", laws=())
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert len(life.states()["a"]) < 600


def test_a_person_who_changes_a_state_while_batches_are_being_made_loses_none() -> None:
    world, life = batches(520)
    until(world, lambda: life.state is not None and life.state.children)
    world.deliver("e", i.Pause())
    (split,) = [run for run in life.runs.values() if run.task_id == "items_split"]
    world.deliver("e", i.ChangeTaskRunState(split.id, S.SUCCESS))
    world.settle()
    world.deliver("e", i.Resume())
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert len([child for child in world.lives.values() if child.head.flow_id == "child"]) == 520


def batches(count: int, **outcomes: object) -> tuple[World, Life]:
    split = {"numberOfBatches": count, "base": "kestra:///rows", "splits": "kestra:///rows/splits"}
    world = World(BATCHES, CHILD, outcomes={"items_split": [(S.SUCCESS, split)], **outcomes}, laws=())  # type: ignore[dict-item] # as given
    return world, world.create("batches")


def test_many_batches_begin_in_slices_also_after_a_restart_of_the_executor() -> None:
    world, life = batches(600)
    until(world, lambda: life.state is not None and life.state.children)
    assert len(life.state.children if life.state is not None else ()) < 600
    world.restart_executor("e")
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert len([child for child in world.lives.values() if child.head.flow_id == "child"]) == 600


def test_a_restart_while_batches_are_being_made_makes_each_once() -> None:
    world, life = batches(520)
    until(world, lambda: life.state is not None and life.state.children)
    world.deliver("e", i.Pause())
    world.settle()
    world.deliver("e", i.Restart())
    world.deliver("e", i.Resume())
    world.settle()
    assert life.head.state.current is S.SUCCESS
    assert len([child for child in world.lives.values() if child.head.flow_id == "child"]) == 520


# -- what a worker runs inside a directory -----------------------------------------------------------------------------

DIRECTORY = f"tasks: [{{id: wd, type: {FLOW}.WorkingDirectory, tasks: [{{id: x, {LOG}}}, {{id: y, {LOG}}}]}}]"


def child_of(life: Life, task_id: str, *states: S) -> TaskRun:
    around = life.run("wd")
    state = State.created(World().now)
    for one in states:
        state = state.to(one, World().now)
    return TaskRun(derived_id("e", around.id, task_id, "", ""), task_id, state, around.id)


def test_reports_of_children_are_joined_in_any_order_and_end_with_their_directory() -> None:
    world, life = begun(DIRECTORY)
    begin(world)
    epoch = life.run("wd").epoch
    for child in (child_of(life, "x", S.RUNNING), child_of(life, "x"), child_of(life, "y", S.RUNNING)):
        world.deliver("e", i.ChildTaskRunReported(child, epoch))
    stranger = replace(child_of(life, "x"), task_id="stranger")
    decision = world.deliver("e", i.ChildTaskRunReported(stranger, epoch))
    assert decision is not None
    assert decision.commands == ()
    world.settle()
    assert life.states() == {"wd": ["SUCCESS"], "x": ["KILLED"], "y": ["KILLED"]}


def test_what_a_lost_worker_ran_inside_is_forgotten() -> None:
    world, life = begun(DIRECTORY)
    begin(world)
    world.deliver("e", i.ChildTaskRunReported(child_of(life, "x", S.RUNNING, S.SUCCESS), life.run("wd").epoch))
    assert "x" in life.states()
    world.deliver("e", i.WorkerLost(life.run("wd").id, life.run("wd").epoch))
    assert "x" not in life.states()
    world.held.clear()
    world.settle()
    assert life.states() == {"wd": ["SUCCESS"]}


# -- replays and changes of state --------------------------------------------------------------------------------------


def test_a_run_that_ran_after_the_end_cannot_be_replayed_from() -> None:
    world, life = begun(f"{ONE}\nafterExecution: [{{id: after, {LOG}}}]")
    until(world, lambda: any(job.task_id == "after" for job in world.held))
    for run_id in (life.run("after").id, "nobody"):
        world.deliver("e", i.Replay("again", run_id))
    assert any("can not be replayed from" in entry.message for entry in world.logs)
    assert list(world.lives) == ["e"]


DAG = f"""
tasks:
  - id: dag
    type: {FLOW}.Dag
    tasks:
      - {{task: {{id: a, {LOG}}}}}
      - {{task: {{id: b, {LOG}}}, dependsOn: [a]}}
      - {{task: {{id: c, {LOG}}}, dependsOn: [b]}}
      - {{task: {{id: d, {LOG}}}, dependsOn: [a]}}
"""


def test_a_replay_inside_a_dag_runs_again_what_depends_on_it() -> None:
    world, life = begun(DAG)
    until(world, lambda: life.states().get("c") == ["SUCCESS"] and life.states().get("d") == ["SUCCESS"])
    world.deliver("e", i.Replay("again", life.run("b").id))
    world.settle()
    again = world.lives["again"]
    assert again.head.state.current is S.SUCCESS
    assert {task: len(again.jobs(task)) for task in "abcd"} == {"a": 0, "b": 1, "c": 1, "d": 0}


def test_the_state_of_a_run_in_a_branch_for_errors_can_not_be_changed() -> None:
    world, life = begun(f"{ONE}\nerrors: [{{id: handle, type: {FLOW}.Pause}}]", {"a": [S.FAILED]})
    until(world, lambda: life.states().get("handle") == ["PAUSED"])
    world.deliver("e", i.Pause())
    world.deliver("e", i.Resume())
    world.settle()
    world.deliver("e", i.ChangeTaskRunState(life.run("handle").id, S.FAILED))
    assert any("outside of the main branch" in entry.message for entry in world.logs)


def test_a_person_ends_a_flowable_while_one_inside_waits_for_an_answer() -> None:
    inner = f"{{id: ask, type: {FLOW}.If, condition: \"{{{{ kv('k') }}}}\", then: [{{id: x, {LOG}}}]}}"
    world, life = begun(f"tasks: [{{id: p, type: {FLOW}.Parallel, tasks: [{inner}]}}]")
    world.deliver("e", i.ChangeTaskRunState(life.run("p").id, S.SUCCESS))
    world.settle()
    assert life.states() == {"p": ["SUCCESS"], "ask": ["SUCCESS"]}
    assert life.head.state.current is S.SUCCESS


def test_a_timeout_in_its_last_branches_ends_a_flowable_at_once_and_lets_retries_beside_it_be() -> None:
    world, life = begun(f"""
tasks:
  - id: p
    type: {FLOW}.Parallel
    tasks:
      - id: around
        type: {FLOW}.Sequential
        timeout: PT1M
        tasks: [{{id: bad, {LOG}, retry: {{type: constant, interval: PT1H}}}}, {{id: never, {LOG}}}]
        errors: [{{id: local, {LOG}}}]
      - {{id: beside, {LOG}}}
  - {{id: last, {LOG}}}
""", {"bad": [S.FAILED]})  # fmt: skip
    until(world, lambda: life.head.state.current is S.RETRYING)
    world.settle()
    assert life.states()["bad"] == ["FAILED"]
    assert life.states()["local"] == ["SUCCESS"]
    world, life = begun(f"""
tasks:
  - id: around
    type: {FLOW}.Sequential
    timeout: PT1M
    tasks: [{{id: bad, {LOG}}}]
    errors: [{{id: local, {LOG}}}]
    finally: [{{id: tidy, {LOG}}}]
""", {"bad": [S.FAILED]})  # fmt: skip
    until(world, lambda: any(job.task_id == "local" for job in world.held))
    world.fire_next_timer()
    world.settle()
    assert life.states() == {"around": ["FAILED"], "bad": ["FAILED"], "local": ["FAILED"]}
    assert any(request.task_run_id == life.run("local").id for request in world.kills)


def test_a_resume_after_the_end_with_nothing_paused_changes_nothing() -> None:
    world, _ = begun(f"{ONE}\nafterExecution: [{{id: after, {LOG}}}]")
    until(world, lambda: any(job.task_id == "after" for job in world.held))
    decision = world.deliver("e", i.Resume())
    assert decision is not None
    assert decision.commands == ()


def test_labels_with_dots_meet_in_one_map() -> None:
    switch = f"{{id: s, type: {FLOW}.Switch, value: '{{{{ labels.a.b ~ labels.a.c }}}}', cases: {{xy: [{{id: yes_, {LOG}}}]}}}}"
    world, life = begun(f"labels: {{a.b: x, a.c: y}}\ntasks: [{switch}]")
    world.settle()
    assert life.states()["yes_"] == ["SUCCESS"]


INDEXED = f"""
inputs: [{{id: n, type: INT, defaults: 1}}]
tasks:
  - {{id: t, {LOG}}}
  - {{id: u, type: io.kestra.plugin.core.debug.Return, format: "{{{{ outputs.t.v[%s] }}}}"}}
"""


@pytest.mark.parametrize(
    ("index", "kept"), [("inputs.n", "one"), ("outputs.t.names[0]", "first"), ("outputs.t.names[7]", None), ("outputs.t.v.x.y", None)]
)
def test_a_job_carries_what_an_index_names(index: str, kept: str | None) -> None:
    outputs = {"v": {"1": "one", "a": "first", "z": "not wanted", "x": "text"}, "names": ["a"]}
    world, life = begun(INDEXED % index, {"t": [(S.SUCCESS, outputs)]})
    until(world, lambda: life.jobs("u"))
    carried = life.jobs("u")[0].variables["outputs"]["t"].get("v", {})
    assert "z" not in carried
    assert kept is None or kept in carried.values()


def test_the_same_input_on_a_paused_parallel_is_decided_alike_after_a_restart() -> None:
    world = World(PARALLEL, CHILD, laws=ALL)
    life = world.create("parallel")
    until(world, lambda: life.head.state.current is S.PAUSED)
    assert life.state is not None
    before = decide(life.state, i.Resume(), world.now)
    world.restart_executor("e")
    assert decide(life.state, i.Resume(), world.now).commands == before.commands


def test_a_resume_of_a_run_that_is_not_paused_changes_nothing() -> None:
    world, life = begun(f"tasks: [{{id: a, {LOG}}}, {{id: b, type: {FLOW}.Pause}}]")
    world.settle()
    for run_id in ("nobody", life.run("a").id):
        decision = world.deliver("e", i.Resume(task_run_id=run_id))
        assert decision is not None
        assert decision.commands == ()
    assert life.head.state.current is S.PAUSED


def test_a_pause_whose_flowable_is_dropped_leaves_nothing() -> None:
    """A person restarts what failed around a pause: the pause comes to be anew."""
    parallel = f"{{id: p, type: {FLOW}.Parallel, tasks: [{{id: a, {LOG}}}, {{id: b, type: {FLOW}.Pause, tasks: [{{id: c, {LOG}}}]}}]}}"
    world, life = begun(
        f"tasks: [{parallel}]\nerrors: [{{id: seq, type: {FLOW}.Sequential, tasks: [{{id: wait, type: {FLOW}.Pause}}]}}]",
        {"a": [S.FAILED, S.SUCCESS]},
    )
    until(world, lambda: life.head.state.current is S.PAUSED)
    world.deliver("e", i.Resume())
    world.settle()
    assert life.states()["wait"] == ["PAUSED"]
    world.deliver("e", i.Restart())
    world.settle()
    world.deliver("e", i.Resume())
    world.settle()
    assert life.head.state.is_terminal


def test_the_end_of_a_batch_counts_once_however_often_it_is_told() -> None:
    world, life = batches(3, c1=[S.SUCCESS])
    told: list[i.ExecutionInput] = []
    while world.turn(0):
        for past in life.past:
            if isinstance(past.message, i.SubflowEnded) and past.message not in told:
                told.append(past.message)
                world.deliver("e", past.message)
    assert len(told) == 3
    assert life.head.state.current is S.SUCCESS


def test_children_are_replayed_from_inside_a_branch_for_errors_only_as_their_branch() -> None:
    world, _ = begun(f"{ONE}\nerrors: [{{id: seq, type: {FLOW}.Sequential, tasks: [{{id: x, type: {FLOW}.Pause}}]}}]", {"a": [S.FAILED]})
    world.settle()
    world.deliver("e", i.Resume())
    world.settle()
    world.deliver("e", i.Restart(2, "again"))
    world.settle()
    again = world.lives["again"]
    assert again.states()["a"][0] == "FAILED"


def test_a_replay_from_a_call_makes_a_child_of_its_own() -> None:
    world, life = begun(f"tasks: [{{id: call, type: {FLOW}.Subflow, namespace: t.t, flowId: child}}, {{id: last, {LOG}}}]")
    until(world, lambda: life.states().get("last"))
    world.deliver("e", i.Replay("again", life.run("call").id))
    world.settle()
    assert world.lives["again"].head.state.current is S.SUCCESS
    assert len([child for child in world.lives.values() if child.head.flow_id == "child"]) == 2


def test_a_slot_that_nobody_asked_for_goes_back() -> None:
    world, _ = begun(ONE)
    begin(world)
    scope = flow_scope("main", "t.t", "main")
    decision = world.deliver("e", i.Admitted(scope))
    assert decision is not None
    assert decision.commands == (c.AskLimiter(ReleaseSlot(scope, "e")),)
