"""Plugin defaults (flow language §1.6): what they match, what wins, and where their faults are found."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from kestra_stream.plugin.flow_source import ParsedFlow, parse_flows
from tests.unit.plugin.document.documents import HEAD, assert_found

LOG = "io.kestra.plugin.core.log.Log"
RETURN = "io.kestra.plugin.core.debug.Return"
SHELL = "io.kestra.plugin.scripts.shell.Commands"


def parsed(task: str, defaults: str, server: Sequence[Mapping[str, Any]] = ()) -> ParsedFlow:
    (found,) = parse_flows(f"{HEAD}tasks:\n  - {{id: a, {task}}}\npluginDefaults:\n{defaults}", "flow.yaml", defaults=server)
    return found


def property_of(name: str, task: str, defaults: str = "  []", server: Sequence[Mapping[str, Any]] = ()) -> Any:
    found = parsed(task, defaults, server)
    assert_found(found.faults)
    assert found.flow is not None
    value = getattr(found.flow.tasks[0], name)
    return getattr(value, "raw", value)


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (LOG, True),
        ("io.kestra.plugin.core.", True),
        ("io.kestra.plugin.core.lo", True),
        ("io.kestra.core.tasks.log.Log", True),
        (RETURN, False),
        ("io.kestra.plugin.scripts.", False),
    ],
)
def test_an_entry_matches_its_type_by_any_name_or_all_types_that_begin_with_it(wanted: str, *, matches: bool) -> None:
    values = "{logLevel: ERROR}"
    found = property_of("log_level", f"type: {LOG}, message: x", f"  - {{type: {wanted}, values: {values}}}")
    assert (found == "ERROR") is matches


def test_a_type_is_no_prefix_of_a_longer_type() -> None:
    entry = "  - {type: io.kestra.plugin.core.flow.ForEach, values: {concurrencyLimit: 3}}"
    task = "type: io.kestra.plugin.core.flow.ForEachItem, items: x, namespace: n, flowId: g"
    assert_found(parsed(task, entry).faults)


def test_an_entry_for_the_new_name_holds_for_a_task_with_the_old_one() -> None:
    assert property_of("level", "type: io.kestra.core.tasks.log.Log, message: x", f"  - {{type: {LOG}, values: {{level: WARN}}}}") == "WARN"


def test_what_the_task_says_wins_unless_the_entry_is_forced() -> None:
    task = f"type: {LOG}, message: x, level: DEBUG"
    assert property_of("level", task, f"  - {{type: {LOG}, values: {{level: WARN}}}}") == "DEBUG"
    assert property_of("level", task, f"  - {{type: {LOG}, forced: true, values: {{level: WARN}}}}") == "WARN"


def test_the_longer_type_wins_and_the_flow_wins_over_the_server_unless_forced() -> None:
    short, long = "{type: io.kestra.plugin.core., values: {level: WARN}}", f"{{type: {LOG}, values: {{level: ERROR}}}}"
    task = f"type: {LOG}, message: x"
    assert property_of("level", task, f"  - {short}\n  - {long}") == "ERROR"
    assert property_of("level", task, f"  - {long}\n  - {short}") == "ERROR"
    forced = [one.replace("values", "forced: true, values") for one in (short, long)]
    assert property_of("level", task, f"  - {forced[1]}\n  - {forced[0]}") == "ERROR"
    server: dict[str, Any] = {"type": LOG, "values": {"level": "TRACE"}}
    assert property_of("level", task, f"  - {short}", [server]) == "WARN"
    assert property_of("level", task, f"  - {forced[0]}", [{**server, "forced": True}]) == "TRACE"
    assert property_of("level", task, "  []", [server]) == "TRACE"


def test_maps_merge_deeply_and_lists_follow_each_other() -> None:
    defaults = f"  - {{type: {SHELL}, values: {{env: {{A: '1', B: '1'}}, commands: [first]}}}}"
    task = f"type: {SHELL}, env: {{B: '2', C: '2'}}, commands: [second]"
    assert property_of("env", task, defaults) == {"A": "1", "B": "2", "C": "2"}
    assert property_of("commands", task, defaults) == ["first", "second"]


def test_defaults_reach_nested_tasks_triggers_conditions_and_task_runners() -> None:
    text = f"""{HEAD}tasks:
  - id: g
    type: io.kestra.plugin.core.flow.Sequential
    tasks: [{{id: a, type: {LOG}}}]
triggers: [{{id: t, type: io.kestra.plugin.core.trigger.Schedule, conditions: [{{type: io.kestra.plugin.core.condition.DayWeek}}]}}]
pluginDefaults:
  - {{type: {LOG}, values: {{message: from the defaults}}}}
  - {{type: io.kestra.plugin.core.trigger.Schedule, values: {{cron: '@daily'}}}}
  - {{type: io.kestra.plugin.core.condition.DayWeek, values: {{dayOfWeek: MONDAY}}}}
"""
    (found,) = parse_flows(text)
    assert_found(found.faults)


def test_a_required_property_may_come_from_an_entry() -> None:
    assert property_of("message", f"type: {LOG}", f"  - {{type: {LOG}, values: {{message: x}}}}") == "x"


def test_a_fault_in_an_entry_is_found_at_the_entry() -> None:
    found = parsed(
        f"type: {LOG}, message: x", f"  - type: {LOG}\n    values:\n      level: LOUD\n      retry: {{type: constant, interval: soon}}"
    )
    assert_found(
        found.faults,
        (8, 14, "tasks[0].level", "must be one of TRACE, DEBUG, INFO, WARN, ERROR, but is `LOUD` (set by pluginDefaults[0])"),
        (9, 41, "tasks[0].retry.interval", "(set by pluginDefaults[0])"),
    )


def test_an_unknown_property_of_an_entry_is_found_once_whether_its_type_is_used_or_not() -> None:
    entry = f"  - {{type: {RETURN}, values: {{fromat: x}}}}"
    assert_found(parsed(f"type: {LOG}, message: x", entry).faults, (6, 57, "pluginDefaults[0].values.fromat", "did you mean `format`?"))
    assert_found(parsed(f"type: {RETURN}", entry).faults, (6, 57, "tasks[0].fromat", "did you mean `format`? (set by pluginDefaults[0])"))


def test_a_fault_in_a_list_that_follows_that_of_an_entry_is_found_where_it_stands() -> None:
    entry = "  - {type: io.kestra.plugin.core.flow.Sequential, values: {tasks: [{id: d, type: x.Unknown}]}}"
    found = parsed("type: io.kestra.plugin.core.flow.Sequential, tasks: [{id: e, type: y.Unknown}]", entry)
    assert_found(
        found.faults,
        (4, 80, "tasks[0].tasks[1].type", "Invalid type: y.Unknown"),
        (6, 82, "tasks[0].tasks[0].type", "Invalid type: x.Unknown"),
    )


def test_a_fault_in_the_servers_defaults_is_found_at_the_task() -> None:
    found = parsed(f"type: {LOG}, message: x", "  []", [{"type": LOG, "values": {"level": "LOUD"}}])
    assert_found(found.faults, (4, 5, "tasks[0].level", "(set by the server's plugin defaults)"))


def test_an_entry_for_nothing_that_is_installed_is_a_warning() -> None:
    found = parsed(f"type: {LOG}, message: x", "  - {type: io.kestra.plugin.jdbc.postgresql.Query, values: {url: x}}")
    assert_found(found.faults)
    assert_found(found.warnings, (6, 6, "pluginDefaults[0].type", "no installed plugin has this type or prefix"))
