"""Tasks that look at executions, log, measure and fail on purpose."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kestra_stream.models.execution import Execution, TaskRun
from kestra_stream.models.execution_event import ExecutionEvent
from kestra_stream.models.execution_input import Resume
from kestra_stream.models.flow_source import FlowSource
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import State, StateType
from kestra_stream.plugin.core.rows import row_of
from tests.unit.plugin.core.files import content
from tests.unit.plugin.core.written import CORE, core_task, task_faults
from tests.unit.plugin.script.attempts import Place, Ran

S = StateType
NOW = datetime(2030, 1, 1, tzinfo=UTC)
PAUSED = f"""id: asks
namespace: company.team
tasks:
  - id: wait
    type: {CORE}flow.Pause
    onResume:
      - {{id: count, type: INT}}
  - id: log
    type: {CORE}log.Log
    message: x
triggers:
  - {{id: hourly, type: {CORE}trigger.Schedule, cron: '@hourly'}}
"""


def ran(place: Place, kind: str, properties: str = "", **job: Any) -> Ran:
    return place.run(core_task(kind, properties), **job)


def outputs(place: Place, kind: str, properties: str = "", **job: Any) -> Any:
    result = ran(place, kind, properties, **job)
    assert result.ended.state is S.SUCCESS, result.ended.error
    return result.ended.outputs


def failed(place: Place, kind: str, properties: str = "") -> str:
    result = ran(place, kind, properties)
    assert result.ended.state is S.FAILED
    return result.ended.error or ""


def known(
    place: Place, execution_id: str, flow_id: str = "a", state: StateType = S.SUCCESS, age: int = 0, namespace: str = "company.team"
) -> None:
    """Make an execution known that ended (or entered its state) so many days ago."""
    date = NOW - timedelta(days=age)
    head = Execution(execution_id, namespace, flow_id, 1, State.created(date).to(state, date))
    runs = [TaskRun(f"{execution_id}-run", "wait", State.created(date).to(state, date))]
    place.repository.executions.apply([ExecutionEvent(execution_id, 1, head, tuple(runs))])


def logged(place: Place, number: int, execution_id: str = "e1", level: Level = Level.INFO, **more: Any) -> None:
    values: dict[str, Any] = {"flow_id": "f", "task_id": "t", "timestamp": NOW + timedelta(seconds=number)} | more
    entry = LogEntry(f"{execution_id}-{number}", execution_id, "company.team", level=level, message=f"line {number}", **values)
    place.repository.logs.add([entry])


# -- fail, assert ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", ["", "condition: 'yes'", "condition: true", "condition: '{{ 1 == 1 }}'"])
def test_fail_fails_unless_a_condition_says_no(place: Place, condition: str) -> None:
    result = ran(place, "execution.Fail", f"{condition}\nerrorMessage: 'no {{{{ 1 + 1 }}}}'")
    assert result.ended.state is S.FAILED
    assert ("ERROR", "no 2") in result.lines


@pytest.mark.parametrize("condition", ["''", "'false'", "false", "'0'", "'{{ null }}'"])
def test_a_condition_that_does_not_hold_lets_the_flow_go_on(place: Place, condition: str) -> None:
    assert ran(place, "execution.Fail", f"condition: {condition}").ended.state is S.SUCCESS


def test_the_message_of_a_failure_has_a_default(place: Place) -> None:
    assert failed(place, "execution.Fail") == "Task failure"


def test_assert_counts_what_holds_and_what_does_not(place: Place) -> None:
    good = ran(place, "execution.Assert", "conditions: ['{{ 1 == 1 }}', true]")
    assert good.ended.state is S.SUCCESS
    bad = ran(place, "execution.Assert", "conditions: ['{{ 1 == 2 }}', 'x', false]\nerrorMessage: wrong")
    assert (bad.ended.state, bad.ended.error) == (S.FAILED, "wrong")
    assert {metric.name: metric.value for metric in bad.metrics} == {"failed": 2.0, "success": 1.0}
    assert ("ERROR", "Assertion `{{ 1 == 2 }}` failed!") in bad.lines
    assert "2 of 2 assertions failed" in failed(place, "execution.Assert", "conditions: ['', '0']")


# -- count -------------------------------------------------------------------------------------------------------------


def test_executions_are_counted_by_flow(place: Place) -> None:
    for number, (flow_id, state, age) in enumerate([("a", S.SUCCESS, 0), ("a", S.FAILED, 0), ("a", S.SUCCESS, 9), ("b", S.SUCCESS, 0)]):
        known(place, f"x{number}", flow_id, state, age)
    flows = "flows: [{namespace: company.team, flowId: a}, {namespace: company.team, flowId: b}, {namespace: company.team, flowId: c}]"
    everything = outputs(place, "execution.Count", flows)
    assert [(row["flowId"], row["count"]) for row in everything["results"]] == [("a", 3), ("b", 1), ("c", 0)]
    assert everything["total"] == 4
    some = outputs(
        place, "execution.Count", f"{flows}\nstates: [SUCCESS]\nstartDate: '2029-12-31T00:00:00Z'\nendDate: '2030-01-01T00:00:00Z'"
    )
    assert [row["count"] for row in some["results"]] == [1, 1, 0]
    kept = outputs(place, "execution.Count", f"{flows}\nexpression: '{{{{ count == 0 }}}}'")
    assert kept == {"results": [{"namespace": "company.team", "flowId": "c", "count": 0}], "total": 0}


def test_executions_are_counted_by_namespace(place: Place) -> None:
    known(place, "x1", "a")
    known(place, "x2", "b", namespace="other")
    result = outputs(place, "execution.Count", "namespaces: [company.team, other]")
    assert [(row["namespace"], row["flowId"], row["count"]) for row in result["results"]] == [("company.team", None, 1), ("other", None, 1)]


def test_count_has_to_know_what(place: Place) -> None:
    assert "either `flows` or `namespaces`" in task_faults("execution.Count")
    assert "either `flows` or `namespaces`" in task_faults("execution.Count", "namespaces: [a]\nflows: [{namespace: a, flowId: b}]")


# -- purge -------------------------------------------------------------------------------------------------------------


def purged(place: Place, properties: str) -> Mapping[str, int]:
    found: Mapping[str, int] = outputs(place, "execution.PurgeExecutions", f"endDate: '2029-12-31T00:00:00Z'\n{properties}")
    return found


def left_over(place: Place) -> list[str]:
    return [name for name in ("x1", "x2", "x3", "x4") if place.repository.executions.get(name) is not None]


@pytest.fixture
def history(place: Place) -> Place:
    """Two old executions that have ended, an old one that runs, a new one; each with a file and a log line."""
    for name, flow_id, state, age in [
        ("x1", "a", S.SUCCESS, 9),
        ("x2", "b", S.FAILED, 9),
        ("x3", "a", S.RUNNING, 9),
        ("x4", "a", S.SUCCESS, 0),
    ]:
        known(place, name, flow_id, state, age)
        logged(place, 1, name, flow_id=flow_id)
        place.storage.put("main", f"kestra:///company/team/{flow_id}/executions/{name}/tasks/t/r/x", b"x")
    return place


def test_purge_removes_executions_that_ended_before_a_date_with_all_that_is_theirs(history: Place) -> None:
    counts = purged(history, "batchSize: 1")
    assert counts == {"executionsCount": 2, "logsCount": 2, "metricsCount": 0, "storagesCount": 2}
    assert left_over(history) == ["x3", "x4"]
    assert purged(history, "") == {"executionsCount": 0, "logsCount": 0, "metricsCount": 0, "storagesCount": 0}


@pytest.mark.parametrize(
    ("properties", "left"),
    [
        ("namespace: company\nflowId: a", ["x2", "x3", "x4"]),
        ("namespace: other", ["x1", "x2", "x3", "x4"]),
        ("namespace: comp", ["x1", "x2", "x3", "x4"]),
        ("states: [FAILED]", ["x1", "x3", "x4"]),
        ("startDate: '2029-12-30T00:00:00Z'", ["x1", "x2", "x3", "x4"]),
    ],
)
def test_purge_leaves_what_was_not_meant(history: Place, properties: str, left: list[str]) -> None:
    purged(history, properties)
    assert left_over(history) == left


def test_purge_may_leave_the_executions_and_take_the_rest(history: Place) -> None:
    counts = purged(history, "purgeExecution: false\nbatchSize: 1\npurgeLog: false")
    assert counts == {"executionsCount": 0, "logsCount": 0, "metricsCount": 0, "storagesCount": 2}
    assert left_over(history) == ["x1", "x2", "x3", "x4"]


def test_purge_takes_only_what_has_ended(place: Place) -> None:
    assert "RUNNING is not final" in task_faults("execution.PurgeExecutions", "endDate: '2030-01-01'\nstates: [SUCCESS, RUNNING]")
    assert "RUNNING is not final" in failed(place, "execution.PurgeExecutions", "endDate: '2030-01-01'\nstates: ['{{ \"RUNNING\" }}']")
    assert "`flowId` needs `namespace`" in task_faults("execution.PurgeExecutions", "endDate: '2030-01-01'\nflowId: a")


# -- resume and toggle -------------------------------------------------------------------------------------------------


@pytest.fixture
def told(place: Place) -> list[tuple[str, Any]]:
    """Everything that tasks send to executions."""
    found: list[tuple[str, Any]] = []
    engine = replace(place.services.engine, command=lambda execution_id, message: found.append((execution_id, message)))
    place.services = replace(place.services, engine=engine)
    place.repository.flows.save(FlowSource("main", "company.team", "asks", 1, PAUSED, {}))
    known(place, "p1", "asks", S.PAUSED)
    known(place, "r1", "asks", S.RUNNING)
    return found


def test_resume_sends_checked_inputs(place: Place, told: list[tuple[str, Any]]) -> None:
    outputs(place, "execution.Resume", "executionId: p1\nnamespace: company.team\nflowId: asks\ninputs: {count: '{{ 40 + 2 }}', more: x}")
    assert told == [("p1", Resume({"count": 42}, "p1-run", "e1"))]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("executionId: p1", "missing required input"),
        ("executionId: p1\ninputs: {count: many}", "count"),
        ("executionId: r1", "is RUNNING, not PAUSED"),
        ("executionId: nobody", "there is no execution nobody"),
        ("executionId: p1\nnamespace: company.team\nflowId: other", "is of the flow company.team.asks"),
    ],
)
def test_a_resume_that_cannot_be_is_a_failure_and_changes_nothing(
    place: Place, told: list[tuple[str, Any]], properties: str, message: str
) -> None:
    assert message in failed(place, "execution.Resume", properties)
    assert told == []


def test_resume_names_the_whole_flow_or_none() -> None:
    assert "go together" in task_faults("execution.Resume", "executionId: x\nflowId: y")


def test_toggle_switches_a_trigger(place: Place, told: list[tuple[str, Any]]) -> None:
    switched: list[tuple[tuple[str, str, str, str], bool]] = []
    engine = replace(place.services.engine, toggle_trigger=lambda uid, enabled: switched.append((uid, enabled)))
    place.services = replace(place.services, engine=engine)
    outputs(place, "trigger.Toggle", "flowId: asks\ntrigger: hourly")
    outputs(place, "trigger.Toggle", "namespace: company.team\nflowId: asks\ntrigger: hourly\nenabled: true")
    uid = ("main", "company.team", "asks", "hourly")
    assert switched == [(uid, False), (uid, True)]
    assert "there is no trigger `daily`" in failed(place, "trigger.Toggle", "flowId: asks\ntrigger: daily")


def test_toggle_needs_something_that_runs_triggers(place: Place, told: list[tuple[str, Any]]) -> None:
    assert "nothing in this installation runs triggers" in failed(place, "trigger.Toggle", "flowId: asks\ntrigger: hourly")
    assert "there is no trigger" in failed(place, "trigger.Toggle", "trigger: hourly")


# -- logs --------------------------------------------------------------------------------------------------------------


def test_log_writes_a_line_for_each_item(place: Place) -> None:
    assert ran(place, "log.Log", "message: 'a {{ 1 + 1 }}'").lines == [("INFO", "a 2")]
    assert ran(place, "log.Log", "message: ['{{ 1 + 1 }}', b, 3]\nlevel: WARN").lines == [("WARN", "2"), ("WARN", "b"), ("WARN", "3")]
    assert ran(place, "log.Log", "message: x\nlevel: '{{ \"ERROR\" }}'").lines == [("ERROR", "x")]
    assert ran(place, "debug.Echo", "format: '{{ 1 + 1 }}'").lines == [("INFO", "2")]
    assert "level" in task_faults("log.Log", "message: x\nlevel: LOUD")


def test_logging_an_error_is_no_failure(place: Place) -> None:
    assert ran(place, "log.Log", "message: x\nlevel: ERROR").ended.state is S.SUCCESS


def test_fetch_writes_lines_into_a_file(place: Place) -> None:
    for number, level in enumerate([Level.DEBUG, Level.INFO, Level.ERROR]):
        logged(place, number, level=level)
    logged(place, 9, "e2")
    result = outputs(place, "log.Fetch")
    rows = [row_of(line) for line in content(place, result["uri"]).splitlines()]
    assert result["size"] == 2
    assert [row["message"] for row in rows] == ["line 1", "line 2"]
    assert rows[0]["timestamp"] == NOW + timedelta(seconds=1)
    assert outputs(place, "log.Fetch", "level: ERROR")["size"] == 1
    assert outputs(place, "log.Fetch", "level: TRACE\ntasksId: [t, x]")["size"] == 3
    assert outputs(place, "log.Fetch", "tasksId: [x]")["size"] == 0
    assert outputs(place, "log.Fetch", "executionId: e2\nnamespace: company.team\nflowId: f")["size"] == 1


def test_fetch_goes_through_all_pages(place: Place) -> None:
    for number in range(2001):
        logged(place, number)
    assert outputs(place, "log.Fetch")["size"] == 2001


def test_old_lines_are_purged(place: Place) -> None:
    for number, level in enumerate([Level.DEBUG, Level.INFO, Level.INFO]):
        logged(place, number, level=level)
    logged(place, 3, "e2", trigger_id="hourly")
    end = "endDate: '2030-01-01T00:00:10Z'"
    assert outputs(place, "log.PurgeLogs", f"{end}\nnamespace: other") == {"count": 0}
    assert outputs(place, "log.PurgeLogs", f"{end}\nexecutionId: e2\ntriggerId: daily") == {"count": 0}
    assert outputs(place, "log.PurgeLogs", f"{end}\nlogLevels: [DEBUG, ERROR]") == {"count": 1}
    assert outputs(place, "log.PurgeLogs", "endDate: '2030-01-01T00:00:01Z'\nnamespace: company\nflowId: f") == {"count": 1}
    assert outputs(place, "log.PurgeLogs", f"{end}\ntriggerId: hourly") == {"count": 1}
    assert outputs(place, "log.PurgeLogs", f"{end}\nstartDate: '2030-01-01T00:00:00Z'") == {"count": 1}
    assert "`flowId` needs" in task_faults("log.PurgeLogs", f"{end}\nflowId: a")


# -- values ------------------------------------------------------------------------------------------------------------


def test_return_gives_what_it_renders(place: Place) -> None:
    result = ran(place, "debug.Return", "format: 'n {{ 1 + 1 }}'")
    assert result.outputs == {"value": "n 2"}
    assert [metric.name for metric in result.metrics] == ["length", "duration"]
    assert result.metrics[0].value == 3.0
    assert outputs(place, "debug.Return") == {"value": None}


def test_output_values_keep_their_types(place: Place) -> None:
    values = "values: {n: '{{ 1 + 1 }}', l: ['{{ [1, 2] }}', 'x{{ 1 }}'], m: {a: '{{ true }}', b: 3}}"
    assert outputs(place, "output.OutputValues", values) == {"values": {"n": 2, "l": [[1, 2], "x1"], "m": {"a": True, "b": 3}}}


def test_metrics_are_published(place: Place) -> None:
    result = ran(
        place,
        "metric.Publish",
        """
        metrics:
          - {type: counter, name: rows, value: "{{ 2 + 1 }}", tags: {kind: a}}
          - {type: timer, name: took, value: PT1M}
          - {type: gauge, name: level, value: 1.5}
        """,
    )
    found = [(metric.type.value, metric.name, metric.value, dict(metric.tags)) for metric in result.metrics]
    assert found == [("counter", "rows", 3.0, {"kind": "a"}), ("timer", "took", 60.0, {}), ("gauge", "level", 1.5, {})]
    assert "must be a number or a duration" in failed(place, "metric.Publish", "metrics: [{type: counter, name: x, value: many}]")


def test_sleep_takes_its_time(place: Place) -> None:
    assert ran(place, "flow.Sleep", "duration: PT0.001S").ended.state is S.SUCCESS
