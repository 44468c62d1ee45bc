"""Documents have the shapes of the flow language, and any value in them is JSON."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import immutables
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from kestra_stream.models.document import execution_document, log_document, metric_document, state_document, task_run_document, to_plain
from kestra_stream.models.execution import Attempt, Execution, ExecutionTrigger, Label, TaskRun
from kestra_stream.models.records import Level, LogEntry, MetricEntry, MetricType
from kestra_stream.models.state import State, StateType

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1, milliseconds=500)
DONE = State.created(NOW).to(StateType.RUNNING, NOW + timedelta(seconds=1)).to(StateType.SUCCESS, LATER)
FRESH = State.created(NOW)


def test_a_state_tells_its_way() -> None:
    assert state_document(DONE, NOW + timedelta(days=1)) == {
        "current": "SUCCESS",
        "histories": [
            {"state": "CREATED", "date": "2030-01-01T12:00:00Z"},
            {"state": "RUNNING", "date": "2030-01-01T12:00:01Z"},
            {"state": "SUCCESS", "date": "2030-01-01T12:01:00.500000Z"},
        ],
        "duration": "PT1M0.5S",
        "startDate": "2030-01-01T12:00:00Z",
        "endDate": "2030-01-01T12:01:00.500000Z",
    }


def test_the_duration_of_what_has_only_begun_goes_on() -> None:
    document = state_document(FRESH, NOW + timedelta(hours=2))
    assert document["duration"] == "PT2H"
    assert "endDate" not in document


def test_a_pause_has_an_end_date() -> None:
    assert state_document(FRESH.to(StateType.PAUSED, LATER), NOW)["endDate"] == "2030-01-01T12:01:00.500000Z"


def test_moments_of_other_zones_are_written_in_utc() -> None:
    state = State.created(datetime(2030, 1, 1, 14, tzinfo=timezone(timedelta(hours=2))))
    assert state_document(state, NOW)["startDate"] == "2030-01-01T12:00:00Z"


def test_a_bare_execution_leaves_out_what_it_has_not() -> None:
    execution = Execution("e", "company.team", "flow", 3, FRESH)
    assert execution_document(execution, (), NOW) == {
        "id": "e",
        "tenantId": "main",
        "namespace": "company.team",
        "flowId": "flow",
        "flowRevision": 3,
        "taskRunList": [],
        "inputs": {},
        "labels": [],
        "variables": {},
        "state": state_document(FRESH, NOW),
        "deleted": False,
        "metadata": {"attemptNumber": 1},
    }


def test_a_full_execution_has_all_its_keys() -> None:
    execution = Execution(
        "e",
        "company.team",
        "flow",
        3,
        DONE,
        inputs={"day": date(2030, 1, 2)},
        outputs={"none": None},
        labels=(Label("team", "x"), Label("team", "y")),
        variables={"a": (1, 2)},
        trigger=ExecutionTrigger("t", "io.Schedule", {"date": NOW}, "kestra:///log"),
        parent_id="p",
        original_id="o",
        schedule_date=LATER,
        attempt_number=2,
        original_created_date=NOW,
        kind="TEST",
        breakpoints=("b",),
        error="why",
    )
    document = execution_document(execution, (TaskRun("r", "task", FRESH),), NOW)
    expected = {
        "inputs": {"day": "2030-01-02"},
        "outputs": {"none": None},
        "labels": [{"key": "team", "value": "x"}, {"key": "team", "value": "y"}],
        "variables": {"a": [1, 2]},
        "trigger": {"id": "t", "type": "io.Schedule", "variables": {"date": "2030-01-01T12:00:00Z"}, "logFile": "kestra:///log"},
        "parentId": "p",
        "originalId": "o",
        "scheduleDate": "2030-01-01T12:01:00.500000Z",
        "metadata": {"attemptNumber": 2, "originalCreatedDate": "2030-01-01T12:00:00Z"},
        "kind": "TEST",
        "breakpoints": ["b"],
        "error": "why",
    }
    assert {key: document[key] for key in expected} == expected
    assert [run["id"] for run in document["taskRunList"]] == ["r"]
    assert orjson.loads(orjson.dumps(document)) == document


def test_a_task_run_names_its_execution() -> None:
    execution = Execution("e", "company.team", "flow", 3, FRESH, tenant_id="t")
    run = TaskRun("r", "task", DONE, "p", "v", 0, (Attempt(DONE), Attempt(DONE, "kestra:///log")), {"x": 1}, dynamic=True)
    assert task_run_document(run, execution, NOW) == {
        "id": "r",
        "tenantId": "t",
        "executionId": "e",
        "namespace": "company.team",
        "flowId": "flow",
        "taskId": "task",
        "parentTaskRunId": "p",
        "value": "v",
        "attempts": [{"state": state_document(DONE, NOW)}, {"state": state_document(DONE, NOW), "logFile": "kestra:///log"}],
        "outputs": {"x": 1},
        "state": state_document(DONE, NOW),
        "iteration": 0,
        "dynamic": True,
    }
    bare = task_run_document(TaskRun("r", "task", FRESH), execution, NOW)
    assert set(bare) == {"id", "tenantId", "executionId", "namespace", "flowId", "taskId", "state"}


def test_a_log_line_and_a_metric_are_flat() -> None:
    line = LogEntry("id", "e", "company.team", "flow", NOW, Level.WARN, "text", "task", "r", 0, thread="w-1")
    assert log_document(line) == {
        "tenantId": "main",
        "namespace": "company.team",
        "flowId": "flow",
        "taskId": "task",
        "executionId": "e",
        "taskRunId": "r",
        "attemptNumber": 0,
        "timestamp": "2030-01-01T12:00:00Z",
        "level": "WARN",
        "thread": "w-1",
        "message": "text",
    }
    metric = MetricEntry("id", "e", "company.team", "flow", "task", "r", NOW, MetricType.TIMER, "duration", 1.5, {"a": "b"})
    assert metric_document(metric) == {
        "tenantId": "main",
        "namespace": "company.team",
        "flowId": "flow",
        "taskId": "task",
        "executionId": "e",
        "taskRunId": "r",
        "type": "timer",
        "name": "duration",
        "value": 1.5,
        "timestamp": "2030-01-01T12:00:00Z",
        "tags": {"a": "b"},
    }


class Model(BaseModel):
    """A model under the names that flows use."""

    file_name: str = Field(alias="fileName")


@dataclass
class Point:
    """A plain value."""

    x: Decimal


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MappingProxyType({"a": (1,)}), {"a": [1]}),
        (immutables.Map({"a": 1}), {"a": 1}),
        (OrderedDict({2: "a", None: "b", True: "c"}), {"2": "a", "null": "b", "true": "c"}),
        ({StateType.RUNNING: StateType.FAILED}, {"RUNNING": "FAILED"}),
        (NOW, "2030-01-01T12:00:00Z"),
        (datetime(2030, 1, 1, 12), "2030-01-01T12:00:00"),  # noqa: DTZ001 - a local date and time is a value too
        (time(1, 2), "01:02:00"),
        (timedelta(hours=26), "PT26H"),
        (Decimal("1.50"), 1.5),
        (Decimal("7.0"), 7),
        (Decimal("NaN"), None),
        (Decimal("1E+999999"), "1E+999999"),
        (float("inf"), None),
        (2**64 - 1, 2**64 - 1),
        (2**64, str(2**64)),
        (-(2**63) - 1, str(-(2**63) - 1)),
        (b"\x00\xff", "AP8="),
        ({3}, [3]),
        (Model(fileName="x"), {"fileName": "x"}),
        (Point(Decimal(1)), {"x": 1}),
        ("a\ud800b", "a?b"),
        ("ü", "ü"),
        (1 + 2j, "(1+2j)"),
    ],
)
def test_any_value_has_a_plain_form(value: Any, expected: Any) -> None:
    assert to_plain(value) == expected


def test_a_number_too_long_for_decimal_is_written_in_hexadecimal() -> None:
    assert to_plain(10**9999) == hex(10**9999)


keys = st.none() | st.booleans() | st.integers() | st.text(st.characters())
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
)
values = st.recursive(scalars, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(keys, inner), max_leaves=10)


@given(values)
def test_plain_values_are_json_and_stay_as_they_are(value: Any) -> None:
    plain = to_plain(value)
    assert to_plain(plain) == plain
    assert orjson.loads(orjson.dumps(plain)) == plain
