"""Triggers: parsed, checked, and nothing that could never fire."""

from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import pytest

from kestra_stream.models.state import StateType
from kestra_stream.plugin.core.http.trigger import Trigger as HttpTrigger
from kestra_stream.plugin.core.trigger.cron import cron_line, zone_of
from kestra_stream.plugin.core.trigger.flow import Flow
from kestra_stream.plugin.core.trigger.schedule import RecoverMissedSchedules, Schedule
from kestra_stream.plugin.core.trigger.schedule_on_dates import ScheduleOnDates
from kestra_stream.plugin.core.trigger.webhook import Webhook
from tests.unit.plugin.core.written import CORE, faults, trigger, trigger_faults


def core_trigger(kind: str, properties: str) -> object:
    return trigger(f"id: t\ntype: {CORE}{kind}\n{properties}")


# -- schedules ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cron", "line"),
    [
        ("*/15 * * * *", "*/15 * * * *"),
        ("0 9 * * MON-FRI", "0 9 * * MON-FRI"),
        ("0 9 * * 7", "0 9 * * 7"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@HOURLY", "0 * * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
    ],
)
def test_a_cron_line_has_five_fields_or_a_nickname(cron: str, line: str) -> None:
    schedule = core_trigger("trigger.Schedule", f"cron: '{cron}'")
    assert isinstance(schedule, Schedule)
    assert schedule.line == line


def test_seconds_are_a_sixth_field_in_front() -> None:
    schedule = core_trigger("trigger.Schedule", "cron: '*/5 * * * * *'\nwithSeconds: true")
    assert isinstance(schedule, Schedule)
    assert schedule.line == "*/5 * * * * *"
    assert cron_line("@hourly", with_seconds=True) == "0 0 * * * *"


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ("cron: '* * * *'", "has 4 fields, but a cron line has 5"),
        ("cron: '*/5 * * * * *'", "set withSeconds"),
        ("cron: '* * * * *'\nwithSeconds: true", "has 5 fields, but a cron line has 6"),
        ("cron: '61 * * * *'", "is no cron line: bad minute"),
        ("cron: '0 0 31 2 *'", "is no cron line: bad day-of-month"),
        ("cron: '@often'", "is no cron nickname"),
        ("cron: '@daily'\ntimezone: Mars/Olympus", "is no time zone"),
        ("cron: '@daily'\nlateMaximumDelay: soon", "must be an ISO-8601 duration"),
        ("cron: '@daily'\nrecoverMissedSchedules: SOME", "recoverMissedSchedules"),
        ("{}", "`cron` is required"),
    ],
)
def test_a_schedule_that_means_nothing_is_refused(properties: str, message: str) -> None:
    assert message in trigger_faults("trigger.Schedule", "" if properties == "{}" else properties)


def test_a_schedule_takes_all_that_the_language_has() -> None:
    schedule = core_trigger(
        "trigger.Schedule",
        f"""cron: "@daily"
timezone: Europe/Paris
inputs: {{day: "{{{{ trigger.date }}}}"}}
lateMaximumDelay: PT1H
recoverMissedSchedules: LAST
labels: {{kind: nightly}}
stopAfter: [FAILED]
allowConcurrent: true
conditions:
  - type: {CORE}condition.Weekend
scheduleConditions:
  - type: {CORE}condition.Weekend
backfill: {{start: "2030-01-01T00:00:00Z"}}""",
    )
    assert isinstance(schedule, Schedule)
    assert len(schedule.all_conditions) == 2
    assert schedule.recover_missed_schedules is RecoverMissedSchedules.LAST
    assert schedule.late_maximum_delay == timedelta(hours=1)
    assert schedule.stop_after == (StateType.FAILED,)


def test_zones_are_names_or_offsets() -> None:
    assert zone_of("Europe/Paris") == ZoneInfo("Europe/Paris")
    assert zone_of("Z") is UTC
    assert [zone_of(text).utcoffset(None) for text in ("+02:00", "UTC-3", "GMT+0130")] == [
        timedelta(hours=2),
        timedelta(hours=-3),
        timedelta(hours=1, minutes=30),
    ]
    for wrong in ("", "../etc/passwd", "+99:00", "Paris"):
        with pytest.raises(ValueError, match="is no time zone"):
            zone_of(wrong)


@pytest.mark.parametrize("backfill", ["{}", "{start: '2024-01-01T00:00:00Z'}", "{whatever: 1}"])
def test_the_older_backfill_of_a_schedule_is_let_pass(backfill: str) -> None:
    assert trigger_faults("trigger.Schedule", f"cron: '@daily'\nbackfill: {backfill}") == ""


def test_the_zone_of_given_dates_may_be_an_expression() -> None:
    assert trigger_faults("trigger.ScheduleOnDates", "dates: ['2030-01-01T00:00:00Z']\ntimezone: '{{ vars.zone }}'") == ""
    assert "is no time zone" in trigger_faults("trigger.ScheduleOnDates", "dates: ['2030-01-01T00:00:00Z']\ntimezone: nowhere")


def test_given_dates_are_dates() -> None:
    assert isinstance(core_trigger("trigger.ScheduleOnDates", "dates: ['2030-01-01T00:00:00+01:00']"), ScheduleOnDates)
    assert isinstance(core_trigger("trigger.ScheduleOnDates", "dates: '{{ vars.dates }}'"), ScheduleOnDates)
    assert "dates" in trigger_faults("trigger.ScheduleOnDates", "dates: [tomorrow]")
    assert "at least one date" in trigger_faults("trigger.ScheduleOnDates", "dates: []")
    assert "is no time zone" in trigger_faults("trigger.ScheduleOnDates", "dates: ['2030-01-01']\ntimezone: X")


# -- webhook and http --------------------------------------------------------------------------------------------------


def test_a_webhook_has_a_key() -> None:
    hook = core_trigger("trigger.Webhook", "key: \"{{ secret('K') }}\"\nwait: true\nreturnOutputs: true\nresponseContentType: text/plain")
    assert isinstance(hook, Webhook)
    assert hook.wait
    assert "key" in trigger_faults("trigger.Webhook", "key: ''")
    assert "key" in trigger_faults("trigger.Webhook", f"key: {'x' * 257}")


def test_a_webhook_looks_at_one_request() -> None:
    parts = (
        f"conditions:\n  - type: {CORE}condition.MultipleCondition\n    id: m\n    conditions:\n      a: {{type: {CORE}condition.Weekend}}"
    )
    assert "MultipleCondition is not supported" in trigger_faults("trigger.Webhook", f"key: k\n{parts}")


def test_an_http_trigger_asks_every_minute() -> None:
    polling = core_trigger("http.Trigger", "uri: https://example.com\nmethod: POST\nbody: x\nheaders: {a: 1}\nstopAfter: [SUCCESS]")
    assert isinstance(polling, HttpTrigger)
    assert polling.interval == timedelta(minutes=1)
    assert polling.response_condition == "{{ response.statusCode < 400 }}"
    assert "interval must be longer" in trigger_faults("http.Trigger", "uri: https://example.com\ninterval: PT0S")
    assert "is not an http:// or https:// address" in trigger_faults("http.Trigger", "uri: file:///etc/passwd")


# -- flow trigger ------------------------------------------------------------------------------------------------------


def test_a_flow_trigger_sees_every_end_by_default() -> None:
    flow = core_trigger("trigger.Flow", "inputs: {x: '{{ trigger.outputs.x }}'}")
    assert isinstance(flow, Flow)
    assert set(flow.states) == {"SUCCESS", "WARNING", "FAILED", "KILLED", "CANCELLED", "RETRIED"}


def test_preconditions_name_flows_and_filters() -> None:
    flow = core_trigger(
        "trigger.Flow",
        """states: [SUCCESS, RUNNING]
preconditions:
  id: both
  timeWindow: {type: DAILY_TIME_DEADLINE, deadline: "09:00:00"}
  resetOnSuccess: false
  flows:
    - {namespace: company.a, flowId: x, states: [SUCCESS], labels: {k: v}}
    - {namespace: company.b}
  where:
    - id: failed
      operand: OR
      filters:
        - {field: NAMESPACE, type: STARTS_WITH, value: company}
        - {field: STATE, type: IN, values: [FAILED, WARNING]}
        - {field: EXPRESSION, type: IS_TRUE, value: "{{ outputs.ok }}"}""",
    )
    assert isinstance(flow, Flow)
    assert flow.preconditions is not None
    assert [one.flow_id for one in flow.preconditions.flows] == ["x", None]
    assert not flow.preconditions.reset_on_success


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{field: STATE, type: IN, value: FAILED}", "IN takes a list of `values`"),
        ("{field: STATE, type: NOT_IN}", "NOT_IN takes a list of `values`"),
        ("{field: STATE, type: EQUAL_TO, values: [FAILED]}", "EQUAL_TO takes no `values`"),
        ("{field: STATE, type: EQUAL_TO}", "EQUAL_TO on STATE needs a `value`"),
        ("{field: FLOW_ID, type: IS_NULL, value: x}", "IS_NULL on FLOW_ID takes no `value`"),
        ("{field: EXPRESSION, type: IS_TRUE}", "IS_TRUE on EXPRESSION needs a `value`"),
        ("{field: COLOR, type: EQUAL_TO, value: x}", "field"),
    ],
)
def test_a_filter_takes_what_its_type_needs(entry: str, message: str) -> None:
    where = f"preconditions:\n  id: p\n  where:\n    - id: w\n      filters:\n        - {entry}"
    assert message in trigger_faults("trigger.Flow", where)


def test_preconditions_ask_for_something_once() -> None:
    assert "give `flows`, `where` or both" in trigger_faults("trigger.Flow", "preconditions: {id: p}")
    one = "{id: w, filters: [{field: STATE, type: EQUAL_TO, value: FAILED}]}"
    assert "duplicate id `w`" in trigger_faults("trigger.Flow", f"preconditions: {{id: p, where: [{one}, {one}]}}")


def test_labels_of_the_engine_are_refused() -> None:
    assert "belongs to the engine" in trigger_faults("trigger.Flow", "labels: {system.x: y}")


def test_windows_of_a_flow_have_different_ids() -> None:
    one = f"  - id: a\n    type: {CORE}trigger.Flow\n    preconditions: {{id: p, flows: [{{namespace: x}}]}}\n"
    source = f"id: f\nnamespace: n\ntasks: [{{id: t, type: {CORE}log.Log, message: x}}]\ntriggers:\n{one}{one.replace('id: a', 'id: b')}"
    assert "duplicate id `p` of preconditions" in faults(source)
