"""Flowable tasks: what they tell the engine, and what they refuse."""

from datetime import timedelta

import pytest

from kestra_stream.models import behaviour as b
from kestra_stream.models.task import Task
from tests.unit.plugin.core.written import core_task, task_faults

CHILD = """
tasks:
  - id: a
    type: io.kestra.plugin.core.log.Log
    message: a
  - id: b
    type: io.kestra.plugin.core.log.Log
    message: b
"""


def ids(tasks: tuple[Task, ...]) -> list[str]:
    return [task.id for task in tasks]


@pytest.mark.parametrize(("kind", "is_warning"), [("Sequential", False), ("AllowFailure", True)])
def test_a_sequence_runs_its_children_in_order(kind: str, is_warning: bool) -> None:  # noqa: FBT001 - a parameter of the test
    behaviour = core_task(f"flow.{kind}", CHILD).behaviour()
    assert isinstance(behaviour, b.Sequence)
    assert (ids(behaviour.tasks), behaviour.failure_is_warning) == (["a", "b"], is_warning)


def test_parallel_runs_at_most_so_many() -> None:
    behaviour = core_task("flow.Parallel", CHILD + "concurrent: 2").behaviour()
    assert isinstance(behaviour, b.Parallel)
    assert (ids(behaviour.tasks), behaviour.concurrent) == (["a", "b"], 2)


@pytest.mark.parametrize("kind", ["Sequential", "Parallel", "AllowFailure", "WorkingDirectory", "ForEach", "LoopUntil"])
def test_a_group_needs_tasks(kind: str) -> None:
    more = {"ForEach": "\nvalues: [1]", "LoopUntil": "\ncondition: 'true'"}.get(kind, "")
    assert "tasks" in task_faults(f"flow.{kind}", f"tasks: []{more}")


def test_errors_and_finally_are_branches_of_every_group() -> None:
    properties = (
        CHILD + CHILD.replace("tasks:", "errors:").replace("id: ", "id: e_") + CHILD.replace("tasks:", "finally:").replace("id: ", "id: f_")
    )
    group = core_task("flow.Sequential", properties)
    assert ids(getattr(group, "errors", ())) == ["e_a", "e_b"]
    assert ids(getattr(group, "finally_", ())) == ["f_a", "f_b"]


# -- dag ---------------------------------------------------------------------------------------------------------------


def dag(**waits: str) -> str:
    entries = "".join(
        f"  - task: {{id: {name}, type: io.kestra.plugin.core.log.Log, message: x}}\n    dependsOn: [{names}]\n"
        for name, names in waits.items()
    )
    return f"tasks:\n{entries}"


def test_a_dag_tells_who_waits_for_whom() -> None:
    behaviour = core_task("flow.Dag", dag(a="", b="a", c="a, b")).behaviour()
    assert isinstance(behaviour, b.Dag)
    assert dict(behaviour.depends_on) == {"a": (), "b": ("a",), "c": ("a", "b")}


def test_a_dag_refuses_an_unknown_dependency() -> None:
    assert "`b` depends on `x`, which is not a task of this Dag" in task_faults("flow.Dag", dag(a="", b="x"))


@pytest.mark.parametrize("waits", [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "c", "b": "a", "c": "b", "d": ""}])
def test_a_dag_refuses_a_circle(waits: dict[str, str]) -> None:
    assert "cyclic dependency" in task_faults("flow.Dag", dag(**waits))


def test_a_dag_that_meets_again_is_no_circle() -> None:
    assert task_faults("flow.Dag", dag(a="", b="a", c="a", d="b, c", e="d, a")) == ""


# -- loops -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", ['["x", 2, {"k": 1}]', '"{{ inputs.list }}"'])
def test_for_each_hands_values_over_as_written(values: str) -> None:
    behaviour = core_task("flow.ForEach", CHILD + f"values: {values}\nconcurrencyLimit: 0").behaviour()
    assert isinstance(behaviour, b.ForEach)
    assert behaviour.concurrency == 0
    assert behaviour.in_order
    assert behaviour.values == (["x", 2, {"k": 1}] if values.startswith("[") else "{{ inputs.list }}")


def test_for_each_takes_one_value_at_a_time_by_default() -> None:
    behaviour = core_task("flow.ForEach", CHILD + "values: [1]").behaviour()
    assert isinstance(behaviour, b.ForEach)
    assert behaviour.concurrency == 1


@pytest.mark.parametrize("values", ["5", "null", "{a: 1}"])
def test_for_each_refuses_what_is_no_list(values: str) -> None:
    assert "values" in task_faults("flow.ForEach", CHILD + f"values: {values}")


def test_the_older_loops_are_for_each_in_other_words() -> None:
    one = core_task("flow.EachSequential", CHILD + "value: [1]").behaviour()
    many = core_task("flow.EachParallel", CHILD + "value: [1]\nconcurrent: 3").behaviour()
    assert isinstance(one, b.ForEach)
    assert isinstance(many, b.ForEach)
    assert (one.concurrency, one.in_order) == (1, True)
    assert (many.concurrency, many.in_order) == (3, False)


def test_loop_until_asks_every_minute_and_for_ever_by_default() -> None:
    behaviour = core_task("flow.LoopUntil", CHILD + "condition: '{{ outputs.a.done }}'").behaviour()
    assert isinstance(behaviour, b.LoopUntil)
    assert (behaviour.interval, behaviour.max_iterations, behaviour.max_duration) == ("PT1M", None, None)
    assert not behaviour.fail_on_max_reached


def test_loop_until_takes_limits() -> None:
    limits = "checkFrequency: {maxIterations: 3, maxDuration: PT1H, interval: '{{ inputs.wait }}'}\nfailOnMaxReached: true"
    behaviour = core_task("flow.WaitFor", CHILD + f"condition: true\n{limits}").behaviour()
    assert isinstance(behaviour, b.LoopUntil)
    assert (behaviour.interval, behaviour.max_iterations, behaviour.max_duration) == ("{{ inputs.wait }}", 3, "PT1H")
    assert behaviour.fail_on_max_reached


def test_loop_until_refuses_what_is_no_duration() -> None:
    assert "must be an ISO-8601 duration" in task_faults("flow.LoopUntil", CHILD + "condition: true\ncheckFrequency: {interval: 5 minutes}")


# -- choices -----------------------------------------------------------------------------------------------------------


def branch(name: str, child: str) -> str:
    return f"{name}:\n  - {{id: {child}, type: io.kestra.plugin.core.log.Log, message: x}}\n"


def test_if_has_two_branches() -> None:
    behaviour = core_task("flow.If", branch("then", "yes") + branch("else", "no") + "condition: '{{ inputs.x }}'").behaviour()
    assert isinstance(behaviour, b.If)
    assert (ids(behaviour.then), ids(behaviour.otherwise), behaviour.condition) == (["yes"], ["no"], "{{ inputs.x }}")


def test_if_needs_a_then() -> None:
    assert "then" in task_faults("flow.If", "condition: true\nthen: []")


def test_switch_compares_keys_as_text() -> None:
    cases = "cases:\n" + "".join(f"  {line}" for key in ("true", "1", "x") for line in branch(key, f"c_{key}").splitlines(keepends=True))
    behaviour = core_task("flow.Switch", f"value: '{{{{ inputs.x }}}}'\n{cases}").behaviour()
    assert isinstance(behaviour, b.Switch)
    assert {key: ids(tasks) for key, tasks in behaviour.cases.items()} == {"true": ["c_true"], "1": ["c_1"], "x": ["c_x"]}
    assert behaviour.defaults is None


def test_switch_needs_a_branch() -> None:
    assert "cases and defaults are both empty" in task_faults("flow.Switch", "value: x")


# -- pause, subflow, template ------------------------------------------------------------------------------------------


def test_pause_waits_for_a_person_by_default() -> None:
    assert core_task("flow.Pause").behaviour() == b.Pause()


@pytest.mark.parametrize("name", ["pauseDuration", "delay"])
def test_pause_may_end_by_itself(name: str) -> None:
    behaviour = core_task("flow.Pause", f"{name}: PT5M\nbehavior: FAIL").behaviour()
    assert behaviour == b.Pause(duration="PT5M", behavior=b.PauseBehavior.FAIL)


def test_pause_asks_for_inputs_and_runs_a_task_at_its_begin() -> None:
    hook = "onPause: {id: tell, type: io.kestra.plugin.core.log.Log, message: x}\n"
    behaviour = core_task("flow.Pause", hook + "onResume: [{id: ok, type: BOOLEAN}]").behaviour()
    assert isinstance(behaviour, b.Pause)
    assert [one.id for one in behaviour.on_resume] == ["ok"]
    assert behaviour.on_pause is not None
    assert behaviour.on_pause.id == "tell"


def test_subflow_hands_everything_over_as_written() -> None:
    behaviour = core_task(
        "flow.Subflow",
        """
        namespace: "{{ inputs.ns }}"
        flowId: other
        revision: 3
        inputs: {a: "{{ inputs.a }}"}
        labels: {k: v}
        wait: false
        transmitFailed: false
        inheritLabels: true
        scheduleDate: "2030-01-01T00:00:00Z"
        restartBehavior: NEW_EXECUTION
        """,
    ).behaviour()
    assert behaviour == b.CallFlow(
        namespace="{{ inputs.ns }}",
        flow_id="other",
        revision=3,
        inputs={"a": "{{ inputs.a }}"},
        labels={"k": "v"},
        wait=False,
        transmit_failed=False,
        inherit_labels=True,
        schedule_date="2030-01-01T00:00:00Z",
        new_execution_on_restart=True,
    )


@pytest.mark.parametrize("labels", ["{system.x: 1}", "[{key: system.x, value: 1}]"])
@pytest.mark.parametrize("kind", ["Subflow", "ForEachItem"])
def test_a_child_gets_no_label_of_the_engine(kind: str, labels: str) -> None:
    items = "items: kestra:///x\n" if kind == "ForEachItem" else ""
    assert "belongs to the engine" in task_faults(f"flow.{kind}", f"{items}namespace: a.b\nflowId: c\nlabels: {labels}")


def test_labels_of_a_child_are_a_map_or_a_list() -> None:
    assert "exactly `key` and `value`" in task_faults("flow.Subflow", "namespace: a.b\nflowId: c\nlabels: [1]")


def test_a_template_is_a_call_of_the_flow_of_its_name() -> None:
    behaviour = core_task("flow.Template", "namespace: a.b\ntemplateId: shared\nargs: {x: 1}").behaviour()
    assert behaviour == b.CallFlow("a.b", "shared", inputs={"x": 1})


def test_sleep_refuses_what_is_no_duration() -> None:
    assert "must be an ISO-8601 duration" in task_faults("flow.Sleep", "duration: 5s")
    assert timedelta(seconds=5) == core_task("flow.Sleep", "duration: PT5S").duration.render(str)  # type: ignore[attr-defined]  # a property of this type only


# -- working directory -------------------------------------------------------------------------------------------------


def test_a_working_directory_is_one_job_with_children() -> None:
    behaviour = core_task("flow.WorkingDirectory", CHILD).behaviour()
    assert isinstance(behaviour, b.Run)
    assert ids(behaviour.tasks) == ["a", "b"]


@pytest.mark.parametrize("kind", ["flow.Sequential", "execution.Labels", "flow.WorkingDirectory"])
def test_only_tasks_that_a_worker_runs_share_a_directory(kind: str) -> None:
    inner = "labels: {a: b}" if kind == "execution.Labels" else "tasks: [{id: y, type: io.kestra.plugin.core.log.Log, message: y}]"
    assert "does not run on a worker" in task_faults(
        "flow.WorkingDirectory", f"tasks:\n  - id: x\n    type: io.kestra.plugin.core.{kind}\n    {inner}"
    )


def test_children_of_a_directory_name_no_worker_group() -> None:
    child = "tasks:\n  - {id: x, type: io.kestra.plugin.core.log.Log, message: m, workerGroup: {key: big}}"
    assert "workerGroup" in task_faults("flow.WorkingDirectory", child)


# -- what changes the execution ----------------------------------------------------------------------------------------


def test_updates_hand_their_values_over_as_written() -> None:
    assert core_task("execution.Labels", "labels: {a: '{{ inputs.a }}'}").behaviour() == b.SetLabels({"a": "{{ inputs.a }}"})
    assert core_task("execution.SetVariables", "variables: {a: 1}\noverwrite: false").behaviour() == b.SetVariables(
        {"a": 1}, overwrite=False
    )
    assert core_task("execution.UnsetVariables", "variables: [a]\nignoreMissing: true").behaviour() == b.UnsetVariables(
        ["a"], ignore_missing=True
    )
    assert core_task("execution.Exit").behaviour() == b.Exit("SUCCESS")
    assert core_task("execution.Exit", "state: CANCELED").behaviour() == b.Exit("CANCELED")


def test_exit_refuses_a_state_that_is_no_end() -> None:
    assert "state" in task_faults("execution.Exit", "state: RUNNING")
