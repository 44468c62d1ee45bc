"""Conditions: pure answers about a date, a flow or an execution."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from kestra_stream.errors import ExpressionError
from kestra_stream.expression import Environment, compile_template
from kestra_stream.models.conditions import ConditionContext
from kestra_stream.models.execution import Attempt, Execution, Label, TaskRun
from kestra_stream.models.state import State, StateType
from tests.unit.plugin.core.written import CORE, condition, condition_faults

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Zeros:
    """No chance at all."""

    def random_bytes(self, count: int) -> bytes:
        return bytes(count)


def execution(state: StateType = StateType.SUCCESS, outputs: Mapping[str, Any] | None = None, *labels: Label) -> Execution:
    return Execution("e", "company.team", "extract", 1, State.created(NOW).to(state, NOW), outputs=outputs, labels=labels)


def asked(kind: str, properties: str = "", **more: Any) -> bool:
    """Test a condition with variables and whatever else the context holds."""
    variables = more.pop("variables", {})
    environment = Environment(now=lambda: NOW, random=Zeros(), zone=UTC)
    context = ConditionContext(
        now=NOW,
        namespace="company.team",
        flow_id="f",
        render=lambda template: compile_template(template).render(variables, environment),
        variables=variables,
        **more,
    )
    return condition(f"type: {CORE}condition.{kind}\n{properties}").test(context)


def on(date: str, kind: str, properties: str = "") -> bool:
    """Test a condition on the date of a trigger."""
    return asked(kind, properties, variables={"trigger": {"date": date}})


# -- dates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "holds"),
    [
        ("after: '2030-01-01T00:00:00Z'", True),
        ("after: '2030-01-15T12:00:00Z'", False),
        ("before: '2030-01-15T12:00:01Z'", True),
        ("before: '2030-01-15T12:00:00Z'", False),
        ("after: '2030-01-15T12:30:00+01:00'\nbefore: 2030-02-01", True),
        ("after: '2030-01-16'\nbefore: 2030-02-01", False),
    ],
)
def test_a_date_lies_strictly_between_its_limits(limits: str, holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert on("2030-01-15T12:00:00Z", "DateTimeBetween", limits) is holds


@pytest.mark.parametrize(
    ("time", "limits", "holds"),
    [
        ("12:00:00Z", "after: '08:00:00Z'\nbefore: '18:00:00Z'", True),
        ("18:00:00Z", "after: '08:00:00Z'\nbefore: '18:00:00Z'", False),
        ("07:30:00Z", "after: '08:00:00+01:00'", True),
        ("06:59:00Z", "after: '08:00:00+01:00'", False),
        ("23:00:00Z", "after: '22:00:00Z'\nbefore: '06:00:00Z'", True),
        ("05:00:00Z", "after: '22:00:00Z'\nbefore: '06:00:00Z'", True),
        ("12:00:00Z", "after: '22:00:00Z'\nbefore: '06:00:00Z'", False),
    ],
)
def test_a_time_lies_between_its_limits_over_midnight_too(time: str, limits: str, holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert on(f"2030-01-15T{time}", "TimeBetween", limits) is holds


@pytest.mark.parametrize("kind", ["DateTimeBetween", "TimeBetween"])
def test_a_span_has_a_limit(kind: str) -> None:
    assert "give `after`, `before` or both" in condition_faults(kind)


def test_the_day_is_that_of_the_zone_of_the_date() -> None:
    assert on("2030-01-07T00:30:00+02:00[Europe/Helsinki]", "DayWeek", "dayOfWeek: MONDAY")
    assert not on("2030-01-06T22:30:00Z", "DayWeek", "dayOfWeek: MONDAY")


@pytest.mark.parametrize(("day", "place"), [("07", "FIRST"), ("14", "SECOND"), ("21", "THIRD"), ("28", "FOURTH"), ("28", "LAST")])
def test_mondays_of_a_month_are_counted(day: str, place: str) -> None:
    assert on(f"2030-01-{day}T00:00:00Z", "DayWeekInMonth", f"dayOfWeek: MONDAY\ndayInMonth: {place}")
    assert not on(f"2030-01-{day}T00:00:00Z", "DayWeekInMonth", "dayOfWeek: TUESDAY\ndayInMonth: FIRST")


def test_a_fifth_monday_is_the_last_one_and_no_fourth() -> None:
    assert on("2030-04-29T00:00:00Z", "DayWeekInMonth", "dayOfWeek: MONDAY\ndayInMonth: LAST")
    assert not on("2030-04-29T00:00:00Z", "DayWeekInMonth", "dayOfWeek: MONDAY\ndayInMonth: FOURTH")


def test_saturday_and_sunday_are_a_weekend() -> None:
    days = [on(f"2030-01-{day:02}T12:00:00Z", "Weekend") for day in range(7, 14)]
    assert days == [False, False, False, False, False, True, True]


def test_a_public_holiday_is_one_of_its_country_and_part() -> None:
    assert on("2030-07-14T10:00:00Z", "PublicHoliday", "country: FR")
    assert not on("2030-07-14T10:00:00Z", "PublicHoliday", "country: DE")
    assert on("2030-01-06T10:00:00Z", "PublicHoliday", "country: de\nsubDivision: BY")
    assert not on("2030-01-06T10:00:00Z", "PublicHoliday", "country: DE\nsubDivision: DE-BE")


@pytest.mark.parametrize("place", ["country: XX", "country: FR\nsubDivision: NOPE"])
def test_an_unknown_country_is_refused(place: str) -> None:
    assert "no public holidays are known" in condition_faults("PublicHoliday", place)


def test_another_date_than_that_of_the_trigger_can_be_asked() -> None:
    assert asked("DayWeek", "dayOfWeek: TUESDAY\ndate: '{{ day }}'", variables={"day": "2030-01-01"})
    assert asked("DayWeek", "dayOfWeek: '{{ name }}'\ndate: 2030-01-01", variables={"name": "TUESDAY"})
    which = "dayOfWeek: '{{ name }}'\ndayInMonth: '{{ place }}'\ndate: 2030-01-01"
    assert asked("DayWeekInMonth", which, variables={"name": "TUESDAY", "place": "FIRST"})
    assert not asked("DayWeekInMonth", which, variables={"name": "TUESDAY", "place": "LAST"})


def test_text_that_is_no_date_is_refused_or_fails() -> None:
    assert "is not a date" in condition_faults("DayWeek", "dayOfWeek: MONDAY\ndate: yesterday")
    assert "is not a time" in condition_faults("TimeBetween", "after: noon")
    with pytest.raises(ExpressionError, match="`never` is not a date"):
        on("never", "Weekend")
    with pytest.raises(ExpressionError, match="`x` is not a time"):
        asked("TimeBetween", "after: '{{ t }}'\ndate: '2030-01-01'", variables={"t": "x"})


# -- logic -------------------------------------------------------------------------------------------------------------


TRUE, FALSE = (f"  - {{type: {CORE}condition.Expression, expression: '{text}'}}\n" for text in ("yes", "false"))


@pytest.mark.parametrize(
    ("kind", "parts", "holds"),
    [
        ("Not", FALSE, True),
        ("Not", TRUE + FALSE, False),
        ("Or", TRUE + FALSE, True),
        ("Or", FALSE + FALSE, False),
    ],
)
def test_not_means_none_and_or_means_any(kind: str, parts: str, holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert asked(kind, f"conditions:\n{parts}") is holds


@pytest.mark.parametrize(("text", "holds"), [("", False), ("  ", False), (" false ", False), ("0", True), ("False", True), ("x", True)])
def test_an_expression_holds_unless_blank_or_false(text: str, holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert asked("Expression", "expression: '{{ x }}'", variables={"x": text}) is holds


@pytest.mark.parametrize("kind", ["Not", "Or"])
def test_logic_needs_conditions(kind: str) -> None:
    assert "conditions" in condition_faults(kind, "conditions: []")


def test_a_multiple_condition_holds_once_all_its_parts_have() -> None:
    parts = f"id: m\nconditions:\n  a: {{type: {CORE}condition.Weekend}}\n  b: {{type: {CORE}condition.Weekend}}"
    assert not asked("MultipleCondition", parts)
    assert not asked("MultipleCondition", parts, results={"a": True, "b": False})
    assert asked("MultipleCondition", parts, results={"a": True, "b": True, "old": False})


# -- flows and executions ----------------------------------------------------------------------------------------------


def test_flows_are_told_by_namespace_and_id() -> None:
    assert asked("FlowCondition", "namespace: company.team\nflowId: f")
    assert not asked("FlowCondition", "namespace: company.team\nflowId: g")
    assert asked("FlowNamespaceCondition", "namespace: company.team")
    assert not asked("FlowNamespaceCondition", "namespace: company")
    assert asked("FlowNamespaceCondition", "namespace: company\nprefix: true")


def test_executions_are_told_by_flow() -> None:
    assert asked("ExecutionFlow", "namespace: company.team\nflowId: extract", execution=execution())
    assert not asked("ExecutionFlow", "namespace: company.team\nflowId: f", execution=execution())


@pytest.mark.parametrize(
    ("properties", "holds"),
    [
        ("namespace: company.team", True),
        ("namespace: company", False),
        ("namespace: company\nprefix: true", True),
        ("namespace: company\ncomparison: PREFIX", True),
        ("namespace: team\ncomparison: SUFFIX", True),
        ("namespace: company\nprefix: true\ncomparison: EQUALS", False),
    ],
)
def test_executions_are_told_by_namespace(properties: str, holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert asked("ExecutionNamespace", properties, execution=execution()) is holds


@pytest.mark.parametrize("labels", ["{a: x, n: 1}", "[{key: a, value: x}, {key: n, value: 1}]"])
def test_all_labels_must_be_there(labels: str) -> None:
    both = execution(StateType.SUCCESS, None, Label("a", "x"), Label("n", "1"), Label("other", "y"))
    assert asked("ExecutionLabels", f"labels: {labels}", execution=both)
    assert not asked("ExecutionLabels", f"labels: {labels}", execution=execution(StateType.SUCCESS, None, Label("a", "x")))


@pytest.mark.parametrize(
    ("properties", "holds"), [("in: [FAILED]", True), ("in: [SUCCESS]", False), ("notIn: [FAILED]", False), ("notIn: [SUCCESS]", True)]
)
def test_executions_are_told_by_state(properties: str, holds: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert asked("ExecutionStatus", properties, execution=execution(StateType.FAILED)) is holds


def test_outputs_of_an_execution_are_those_of_the_trigger() -> None:
    variables = {"trigger": {"outputs": {"rows": 3}}}
    rows = "expression: '{{ trigger.outputs.rows > 2 }}'"
    assert asked("ExecutionOutputs", rows, execution=execution(outputs={"rows": 3}), variables=variables)
    assert not asked("ExecutionOutputs", rows, execution=execution(), variables=variables)


def test_a_second_attempt_is_seen() -> None:
    failed, good = (Attempt(State.created(NOW).to(state, NOW)) for state in (StateType.FAILED, StateType.SUCCESS))
    run = TaskRun("r", "t", State.created(NOW), attempts=(failed, good))
    assert asked("HasRetryAttempt", "in: [FAILED]", execution=execution(), task_runs=[run])
    assert not asked("HasRetryAttempt", "in: [KILLED]", execution=execution(), task_runs=[run])
    once = TaskRun("r", "t", State.created(NOW), attempts=(failed,))
    assert not asked("HasRetryAttempt", "in: [FAILED]", execution=execution(), task_runs=[once])


@pytest.mark.parametrize("kind", ["ExecutionStatus", "ExecutionFlow"])
def test_a_question_about_an_execution_needs_one(kind: str) -> None:
    properties = "namespace: a\nflowId: b" if kind == "ExecutionFlow" else "in: [FAILED]"
    with pytest.raises(ExpressionError, match="there is none here"):
        asked(kind, properties)


# -- windows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("{type: SLIDING_WINDOW, deadline: '09:00:00'}", "a SLIDING_WINDOW takes window, not deadline"),
        ("{type: DAILY_TIME_DEADLINE}", "needs a deadline"),
        ("{type: DAILY_TIME_DEADLINE, window: P1D, deadline: '09:00:00'}", "takes deadline, not window"),
        ("{type: DAILY_TIME_WINDOW, startTime: '09:00:00'}", "needs startTime and endTime"),
        ("{windowAdvance: PT1H, startTime: '09:00:00'}", "a DURATION_WINDOW takes window and windowAdvance, not startTime"),
        ("{window: PT0S}", "longer than nothing"),
        ("{type: DAILY_TIME_DEADLINE, deadline: 9}", "not a time of the day"),
    ],
)
def test_a_window_takes_the_fields_of_its_type(window: str, message: str) -> None:
    parts = f"id: m\ntimeWindow: {window}\nconditions:\n  a: {{type: {CORE}condition.Weekend}}"
    assert message in condition_faults("MultipleCondition", parts)


@pytest.mark.parametrize("name", ["timeWindow", "sla"])
def test_a_window_has_an_older_name_and_an_older_form(name: str) -> None:
    parts = f"id: m\nconditions:\n  a: {{type: {CORE}condition.Weekend}}\n"
    new = condition(f"type: {CORE}condition.MultipleCondition\n{parts}{name}: {{window: PT12H, windowAdvance: PT1H}}")
    old = condition(f"type: {CORE}condition.MultipleCondition\n{parts}window: PT12H\nwindowAdvance: PT1H")
    assert new.effective_window == old.effective_window  # type: ignore[attr-defined]  # a property of this type only
    assert "either timeWindow or" in condition_faults("MultipleCondition", f"{parts}window: PT12H\n{name}: {{window: PT12H}}")
