"""Every rule of flow language §1.1 to §1.9: one document, and exactly what is wrong with it, by line and column."""

import pytest

from kestra_stream.plugin.flow_source import parse_flows
from tests.unit.plugin.document.documents import FLOW, HEAD, TASKS, Found, assert_found, only

LOG = "io.kestra.plugin.core.log.Log"
LINE = f"{{id: b, type: {LOG}, message: x}}"


def test_a_flow_without_faults_is_read() -> None:
    parsed = only(FLOW)
    assert (parsed.faults, parsed.warnings, parsed.infos) == ((), (), ())
    assert parsed.flow is not None
    assert parsed.flow.source == FLOW


ROOT: list[tuple[str, Found]] = [
    (f"namespace: a\n{TASKS}", (1, 1, "", "`id` is required")),
    (f"id: f\n{TASKS}", (1, 1, "", "`namespace` is required")),
    (HEAD, (1, 1, "", "`tasks` is required")),
    (f"{HEAD}tasks: []\n", (3, 8, "tasks", "must not be empty")),
    (f"{HEAD}tasks: x\n", (3, 8, "tasks", "must be a list, but is `x`; write `- ` before each entry")),
    (f"{HEAD}tasks: {{id: a}}\n", (3, 8, "tasks", "must be a list, but is a map")),
    (f"id: my flow\nnamespace: a\n{TASKS}", (1, 5, "id", "may hold only letters, digits, `.`, `_` and `-`")),
    (f"id: 😀\nnamespace: a\n{TASKS}", (1, 5, "id", "must begin with a letter or digit")),
    (f"id: {'a' * 101}\nnamespace: a\n{TASKS}", (1, 5, "id", "at most 100 characters, but has 101")),
    (f"id: ''\nnamespace: a\n{TASKS}", (1, 5, "id", "must not be empty")),
    (f"id: [a]\nnamespace: a\n{TASKS}", (1, 5, "id", "must be text, but is a list")),
    (f"id: f\nnamespace: Company\n{TASKS}", (2, 12, "namespace", "lower-case letters")),
    (f"id: f\nnamespace: {'a' * 151}\n{TASKS}", (2, 12, "namespace", "at most 150 characters")),
    (f"{FLOW}taskss: []\n", (5, 1, "taskss", "unknown property `taskss`; did you mean `tasks`?")),
    (f"{FLOW}labels: {{system.x: a}}\n", (5, 20, "labels.system.x", "belongs to the engine")),
    (f"{FLOW}labels:\n  - key: system.x\n    value: a\n", (6, 5, "labels[0]", "belongs to the engine")),
    (f"{FLOW}labels: {{a: [1]}}\n", (5, 13, "labels.a", "must be text, a number, true or false, but is a list")),
    (f"{FLOW}labels: [{{key: a}}]\n", (5, 10, "labels[0]", "exactly `key` and `value`")),
    (f"{FLOW}labels: abc\n", (5, 9, "labels", "must be a map of labels, or a list")),
    (f"{FLOW}variables: [a]\n", (5, 12, "variables", "must be a map, but is a list")),
    (f"{FLOW}disabled: maybe\n", (5, 11, "disabled", "must be true or false, but is `maybe`")),
    (f"{FLOW}concurrency: {{limit: 0}}\n", (5, 22, "concurrency.limit", "must be more than 0")),
    (f"{FLOW}concurrency: {{limit: 1, behavior: QEUE}}\n", (5, 35, "concurrency.behavior", "did you mean `QUEUE`?")),
    (f"{FLOW}concurrency: 5\n", (5, 14, "concurrency", "must be a map, but is `5`")),
    (f"{FLOW}workerGroup: {{key: a b}}\n", (5, 20, "workerGroup.key", "may hold only")),
    (f"{FLOW}workerGroup: {{key: a, fallback: STOP}}\n", (5, 33, "workerGroup.fallback", "must be one of WAIT, FAIL, CANCEL")),
    (f"{FLOW}finally: {LINE}\n", (5, 10, "finally", "must be a list")),
    (f"{FLOW}errors: [x]\n", (5, 10, "errors[0]", "must be a map with a `type`, but is `x`")),
    (f"{FLOW}outputs: [{{id: o, type: STRING}}]\n", (5, 11, "outputs[0]", "`value` is required")),
    (f"{FLOW}outputs: [{{id: o, type: TEXT, value: x}}]\n", (5, 25, "outputs[0].type", "must be one of STRING")),
    (f"{FLOW}outputs: [{{id: o, type: INT, value: '{{{{ x | nope }}}}'}}]\n", (5, 37, "outputs[0].value", "nope")),
    (f"{FLOW}sla: [{{id: s, type: MAX_DURATION, duration: 1h, behavior: FAIL}}]\n", (5, 45, "sla[0].duration", "ISO-8601")),
    (f"{FLOW}sla: [{{id: s, type: MAXIMUM, behavior: FAIL}}]\n", (5, 21, "sla[0].type", "must be one of MAX_DURATION")),
    (
        f"{FLOW}sla: [{{id: s, type: MAX_DURATION, duration: PT1H, behavior: NONE, labels: {{system.x: a}}}}]\n",
        (5, 86, "sla[0].labels.system.x", "belongs to the engine"),
    ),
    (f"{FLOW}checks: [{{condition: 'x', message: m, style: WARN}}]\n", (5, 46, "checks[0].style", "did you mean `WARNING`?")),
    (f"{FLOW}checks: [{{condition: '{{{{ x', message: m}}]\n", (5, 22, "checks[0].condition", "is not closed")),
    (f"{FLOW}listeners: [{{tasks: []}}]\n", (5, 21, "listeners[0].tasks", "must not be empty")),
    (f"{FLOW}pluginDefaults: [{{type: {LOG}}}]\n", (5, 18, "pluginDefaults[0]", "`values` is required")),
    ("just text\n", (1, 1, "", "a flow is a map")),
    ("- a\n- b\n", (1, 1, "", "a flow is a map")),
]


@pytest.mark.parametrize(("text", "found"), ROOT, ids=[found[3][:40] + str(number) for number, (_, found) in enumerate(ROOT)])
def test_root_properties(text: str, found: Found) -> None:
    assert_found(only(text).faults, found)


def task(text: str) -> str:
    """Make a flow whose only task has these properties; its type stands in line 4."""
    lines = "".join(f"    {line}\n" for line in text.split("\n"))
    return f"{HEAD}tasks:\n  - id: b\n{lines}"


ONE_TASK: list[tuple[str, Found]] = [
    ("message: x", (4, 5, "tasks[0]", "`type` is required")),
    ("type: io.kestra.plugin.core.log.Lgo\nmessage: x", (5, 11, "tasks[0].type", f"did you mean {LOG}?")),
    ("type: io.kestra.plugin.core.log.log\nmessage: x", (5, 11, "tasks[0].type", f"did you mean {LOG}?")),
    ("type: io.kestra.plugin.jdbc.sqlite.Query", (5, 11, "tasks[0].type", "no plugin of io.kestra.plugin.jdbc.sqlite is installed")),
    ("type: io.kestra.plugin.core.trigger.Webhook", (5, 11, "tasks[0].type", "is not a task and can not stand here")),
    (f"type: {LOG}", (4, 5, "tasks[0]", "`message` is required")),
    (f"type: {LOG}\nmessage: x\nmesage: y", (7, 5, "tasks[0].mesage", "did you mean `message`?")),
    (f"type: {LOG}\nmessage: x\nlevel: WARNING", (7, 12, "tasks[0].level", "did you mean `WARN`?")),
    (f"type: {LOG}\nmessage: x\ntimeout: 5 minutes", (7, 14, "tasks[0].timeout", "must be an ISO-8601 duration")),
    (f"type: {LOG}\nmessage: x\ntimeout: P1Y", (7, 14, "tasks[0].timeout", "must be an ISO-8601 duration")),
    (f"type: {LOG}\nmessage: x\nrunIf: [a]", (7, 12, "tasks[0].runIf", "must be text or true or false, but is a list")),
    (f"type: {LOG}\nmessage: '{{{{ x | uper }}}}'", (6, 14, "tasks[0].message", "did you mean `upper`?")),
    (f"type: {LOG}\nmessage: x\nretry: {{type: constant}}", (7, 12, "tasks[0].retry", "`interval` is required")),
    (f"type: {LOG}\nmessage: x\nretry: {{interval: PT1S}}", (7, 12, "tasks[0].retry", "`type` is required")),
    (f"type: {LOG}\nmessage: x\nretry: {{type: linear}}", (7, 19, "tasks[0].retry.type", "must be one of constant, exponential, random")),
    (
        f"type: {LOG}\nmessage: x\nretry: {{type: constant, interval: PT1H, maxDuration: PT1M}}",
        (7, 39, "tasks[0].retry.interval", "interval must be shorter than maxDuration (PT1M)"),
    ),
    (
        f"type: {LOG}\nmessage: x\nretry: {{type: exponential, interval: PT1H, maxInterval: PT1M}}",
        (7, 42, "tasks[0].retry.interval", "interval must be shorter than maxInterval (PT1M)"),
    ),
    (
        f"type: {LOG}\nmessage: x\nretry: {{type: random, minInterval: PT1H, maxInterval: PT1M}}",
        (7, 40, "tasks[0].retry.minInterval", "minInterval must be shorter than maxInterval"),
    ),
    (
        f"type: {LOG}\nmessage: x\nretry: {{type: constant, interval: PT1S, maxAttempt: 0}}",
        (7, 57, "tasks[0].retry.maxAttempt", "must be at least 1"),
    ),
    (
        f"type: {LOG}\nmessage: x\nretry: {{type: constant, interval: PT1S, maxAtempts: 3}}",
        (7, 45, "tasks[0].retry.maxAtempts", "did you mean `maxAttempts`?"),
    ),
    ("type: io.kestra.plugin.core.flow.Parallel\ntasks: []", (6, 12, "tasks[0].tasks", "must not be empty")),
    ("type: io.kestra.plugin.core.flow.Sequential", (4, 5, "tasks[0]", "`tasks` is required")),
    ("type: io.kestra.plugin.core.flow.WorkingDirectory\ntasks: []", (6, 12, "tasks[0].tasks", "must not be empty")),
    (
        f"type: io.kestra.plugin.core.flow.WorkingDirectory\ntasks:\n  - {{id: c, type: io.kestra.plugin.core.flow.Parallel, tasks: [{LINE.replace('b', 'd', 1)}]}}",
        (7, 9, "tasks[0].tasks[0]", "does not run on a worker"),
    ),
    (
        f"type: io.kestra.plugin.core.flow.WorkingDirectory\ntasks:\n  - {{id: c, type: {LOG}, message: x, workerGroup: {{key: k}}}}",
        (7, 79, "tasks[0].tasks[0].workerGroup", "set it on the WorkingDirectory"),
    ),
    ("type: io.kestra.plugin.core.flow.If\ncondition: x\nthen: []", (7, 11, "tasks[0].then", "must not be empty")),
    ("type: io.kestra.plugin.core.flow.Switch\nvalue: x", (4, 5, "tasks[0]", "cases and defaults are both empty")),
    (
        f"type: io.kestra.plugin.core.flow.Dag\ntasks:\n  - task: {{id: first, type: {LOG}, message: x}}\n    dependsOn: [firts]",
        (8, 21, "tasks[0].tasks[0].dependsOn[0]", "did you mean `first`?"),
    ),
    (
        f"type: io.kestra.plugin.core.flow.Dag\ntasks:\n  - task: {{id: c, type: {LOG}, message: x}}\n    dependsOn: [d]\n  - task: {{id: d, type: {LOG}, message: x}}\n    dependsOn: [c]",
        (8, 20, "tasks[0].tasks[0].dependsOn", "cyclic dependency: c -> d -> c"),
    ),
    ("type: io.kestra.plugin.core.flow.Subflow\nnamespace: company.team\nflowId: f", (7, 13, "tasks[0].flowId", "Recursive call")),
    (
        "type: io.kestra.plugin.core.flow.Subflow\nnamespace: a\nflowId: g\nlabels: {system.x: a}",
        (8, 24, "tasks[0].labels.system.x", "belongs to the engine"),
    ),
    (
        "type: io.kestra.plugin.core.flow.ForEachItem\nitems: x\nnamespace: company.team\nflowId: f",
        (8, 13, "tasks[0].flowId", "Recursive call"),
    ),
    (
        "type: io.kestra.plugin.core.flow.Pause\nonResume:\n  - {id: x, type: INT}\n  - {id: x, type: INT}",
        (8, 14, "tasks[0].onResume[1].id", "duplicate input id `x`"),
    ),
    (
        "type: io.kestra.plugin.scripts.shell.Commands\ncommands: [a]\ntaskRunner: {type: io.kestra.plugin.ee.kubernetes.runner.Kubernetes}",
        (7, 24, "tasks[0].taskRunner.type", "no plugin of io.kestra.plugin.ee.kubernetes.runner is installed"),
    ),
]


@pytest.mark.parametrize(("text", "found"), ONE_TASK, ids=[found[3][:40] + str(number) for number, (_, found) in enumerate(ONE_TASK)])
def test_properties_of_a_task(text: str, found: Found) -> None:
    assert_found(only(task(text)).faults, found)


@pytest.mark.parametrize("identity", ["my task", "a.b", "-a", "😀", "a" * 257])
def test_ids_of_tasks_have_no_dots_and_no_spaces(identity: str) -> None:
    assert_found(only(FLOW.replace("id: a", f"id: {identity}")).faults, (4, 10, "tasks[0].id", ""))


INPUTS: list[tuple[str, Found]] = [
    ("{type: STRING}", (6, 5, "inputs[0]", "`id` is required")),
    ("{id: a b, type: STRING}", (6, 10, "inputs[0].id", "may hold only letters")),
    ("{id: x}", (6, 5, "inputs[0]", "`type` is required")),
    ("{id: x, type: string}", (6, 19, "inputs[0].type", "did you mean `STRING`?")),
    ("{id: x, type: STRING, min: 1}", (6, 27, "inputs[0].min", "unknown property `min`")),
    ("{id: x, type: DATE, afer: 2023-01-01}", (6, 25, "inputs[0].afer", "did you mean `after`?")),
    (f"{{id: x, type: STRING, displayName: {'n' * 65}}}", (6, 40, "inputs[0].displayName", "at most 64 characters")),
    ("{id: x, type: STRING, validator: '[a'}", (6, 38, "inputs[0].validator", "does not parse")),
    ("{id: x, type: SELECT}", (6, 5, "inputs[0]", "needs `values` or an `expression`")),
    ("{id: x, type: MULTISELECT}", (6, 5, "inputs[0]", "needs `values` or an `expression`")),
    ("{id: x, type: SELECT, values: [a], expression: '{{ a }}'}", (6, 52, "inputs[0].expression", "either `values` or `expression`")),
    ("{id: x, type: ENUM, values: []}", (6, 33, "inputs[0].values", "must not be empty")),
    ("{id: x, type: ARRAY}", (6, 5, "inputs[0]", "`itemType` is required")),
    ("{id: x, type: ARRAY, itemType: ARRAY}", (6, 36, "inputs[0].itemType", "must be the type of a single value")),
    ("{id: x, type: INT, min: 5, max: 1}", (6, 29, "inputs[0].min", "min is larger than max")),
    ("{id: x, type: DATE, after: 2023-01-02, before: 2023-01-01}", (6, 32, "inputs[0].after", "after is larger than before")),
    ("{id: x, type: DATETIME, after: '2023-01-02T00:00:00'}", (6, 36, "inputs[0].after", "with a zone")),
    ("{id: x, type: INT, min: a}", (6, 29, "inputs[0].min", "must be a whole number, but is `a`")),
    ("{id: x, type: INT, defaults: abc}", (6, 34, "inputs[0].defaults", "it must be an integer, but received `abc`")),
    ("{id: x, type: INT, min: 5, defaults: 1}", (6, 42, "inputs[0].defaults", "it must be more than `5`, but received `1`")),
    ("{id: x, type: SELECT, values: [a], defaults: b}", (6, 50, "inputs[0].defaults", "it must match the values `[a]`")),
    ("{id: x, type: FILE, defaults: /etc/passwd}", (6, 35, "inputs[0].defaults", "must be a `nsfile:///` or `file:///` URI")),
    ("{id: x, type: STRING, dependsOn: {inputs: [y]}}", (6, 48, "inputs[0].dependsOn.inputs[0]", "which is not an input")),
    ("{id: x, type: STRING, dependsOn: {inputs: [x]}}", (6, 38, "inputs[0].dependsOn", "in a circle: x -> x")),
    (
        "{id: x, type: STRING, dependsOn: {inputs: [], condition: '{{ x'}}",
        (6, 62, "inputs[0].dependsOn.condition", "is not closed"),
    ),
    ("{id: x, type: STRING}\n  - {id: x.y, type: STRING}", (7, 10, "inputs[1].id", "lies inside of input `x`")),
    ("{id: x, type: STRING}\n  - {id: x, type: STRING}", (7, 10, "inputs[1].id", "duplicate input id `x`")),
    ("just text", (6, 5, "inputs[0]", "must be a map, but is `just text`")),
]


@pytest.mark.parametrize(("text", "found"), INPUTS, ids=[found[3][:40] + str(number) for number, (_, found) in enumerate(INPUTS)])
def test_inputs(text: str, found: Found) -> None:
    assert_found(only(f"{FLOW}inputs:\n  - {text}\n").faults, found)


@pytest.mark.parametrize(
    "text",
    [
        "{id: x, type: FILE, defaults: 'nsfile:///a.csv'}",
        "{id: x, type: INT, defaults: '{{ 1 + 1 }}'}",
        "{id: x, type: SELECT, expression: '{{ [1] }}', defaults: 1}",
        "{id: x, type: SECRET, validator: '[a-z]+', defaults: abc}",
        "{id: x.y, type: STRING}\n  - {id: x.z, type: STRING, dependsOn: {inputs: [x.y]}}",
        "{id: x, type: STRING, defaults: null, prefill: hello}",
        "{id: x, type: SELECT, values: [yes, 1, true, 1.5], defaults: true}",
    ],
)
def test_inputs_that_are_fine(text: str) -> None:
    assert_found(only(f"{FLOW}inputs:\n  - {text}\n").faults)


TRIGGERS: list[tuple[str, Found]] = [
    ("type: io.kestra.plugin.core.trigger.Schedule\ncron: '61 * * * *'", (8, 11, "triggers[0].cron", "bad minute")),
    ("type: io.kestra.plugin.core.trigger.Schedule\ncron: '* * * *'", (8, 11, "triggers[0].cron", "has 4 fields")),
    (
        "type: io.kestra.plugin.core.trigger.Schedule\ncron: '@daily'\ntimezone: Europe/Pari",
        (9, 15, "triggers[0].timezone", "is no time zone"),
    ),
    ("type: io.kestra.plugin.core.trigger.Webhook\nkey: ''", (8, 10, "triggers[0].key", "must not be empty")),
    (f"type: io.kestra.plugin.core.trigger.Webhook\nkey: {'a' * 257}", (8, 10, "triggers[0].key", "at most 256")),
    (
        "type: io.kestra.plugin.core.trigger.Webhook\nkey: a\nlabels: {system.a: b}",
        (9, 24, "triggers[0].labels.system.a", "belongs to the engine"),
    ),
    (
        "type: io.kestra.plugin.core.trigger.Flow\npreconditions: {id: p, flows: [{namespace: a}], timeWindow: {type: SLIDING_WINDOW, deadline: '09:00:00'}}",
        (8, 98, "triggers[0].preconditions.timeWindow.deadline", "takes window, not deadline"),
    ),
    (
        "type: io.kestra.plugin.core.trigger.Flow\npreconditions: {id: p, where: [{id: w, filters: [{field: STATE, type: IN, value: a}]}]}",
        (8, 86, "triggers[0].preconditions.where[0].filters[0].value", "IN takes a list of `values`"),
    ),
    (
        "type: io.kestra.plugin.core.trigger.Flow\npreconditions: {id: p, where: [{id: w, filters: [{field: STATE, type: IS_NULL, value: a}]}]}",
        (8, 91, "triggers[0].preconditions.where[0].filters[0].value", "takes no `value`"),
    ),
    (f"type: {LOG}\nmessage: x", (7, 11, "triggers[0].type", "is not a trigger and can not stand here")),
]


@pytest.mark.parametrize(("text", "found"), TRIGGERS, ids=[found[3][:40] + str(number) for number, (_, found) in enumerate(TRIGGERS)])
def test_triggers(text: str, found: Found) -> None:
    lines = "".join(f"    {line}\n" for line in text.split("\n"))
    assert_found(only(f"{FLOW}triggers:\n  - id: t\n{lines}").faults, found)


def test_ids_are_unique_in_the_whole_flow_wherever_a_task_is_nested() -> None:
    text = f"""{HEAD}tasks:
  - id: a
    type: io.kestra.plugin.core.flow.If
    condition: x
    then: [{{id: a, type: {LOG}, message: x}}]
    errors: [{{id: c, type: {LOG}, message: x}}]
errors:
  - {{id: c, type: {LOG}, message: x}}
finally:
  - {{id: d, type: io.kestra.plugin.core.output.OutputValues, values: {{id: a, type: not.a.task}}}}
afterExecution:
  - {{id: d, type: {LOG}, message: x}}
triggers:
  - {{id: t, type: io.kestra.plugin.core.trigger.Flow, preconditions: {{id: p, flows: [{{namespace: n}}]}}}}
  - {{id: t, type: io.kestra.plugin.core.trigger.Flow, preconditions: {{id: p, flows: [{{namespace: n}}]}}}}
outputs:
  - {{id: o, type: INT, value: 1}}
  - {{id: o, type: INT, value: 1}}
"""
    assert_found(
        only(text).faults,
        (7, 17, "tasks[0].then[0].id", "duplicate task id `a`"),
        (10, 10, "errors[0].id", "duplicate task id `c`"),
        (14, 10, "afterExecution[0].id", "duplicate task id `d`"),
        (17, 10, "triggers[1].id", "duplicate trigger id `t`"),
        (17, 75, "triggers[1].preconditions.id", "duplicate id `p`"),
        (20, 10, "outputs[1].id", "duplicate output id `o`"),
    )


def test_all_faults_of_a_file_are_reported_in_order_also_inside_of_a_task_of_unknown_type() -> None:
    text = f"""id: my flow
namespace: a
inputs: [{{id: x, type: int}}]
tasks:
  - id: group
    type: io.kestra.plugin.core.flow.Paralel
    tasks:
      - {{id: b, type: {LOG}, mesage: x}}
      - {{id: c, type: {LOG}, message: '{{{{ x', level: LOUD}}
      - {{id: c, type: {LOG}, message: x}}
---
{HEAD}tasks: []
"""
    faults = tuple(fault for parsed in parse_flows(text, "flow.yaml") for fault in parsed.faults)
    assert_found(
        faults,
        (1, 5, "id", "may hold only"),
        (3, 24, "inputs[0].type", "did you mean `INT`?"),
        (6, 11, "tasks[0].type", "did you mean io.kestra.plugin.core.flow.Parallel"),
        (8, 9, "tasks[0].tasks[0]", "`message` is required"),
        (8, 54, "tasks[0].tasks[0].mesage", "did you mean `message`?"),
        (9, 63, "tasks[0].tasks[1].message", "is not closed"),
        (9, 78, "tasks[0].tasks[1].level", "must be one of"),
        (10, 14, "tasks[0].tasks[2].id", "duplicate task id `c`"),
        (14, 8, "tasks", "must not be empty"),
    )
    assert {fault.file for fault in faults} == {"flow.yaml"}


def test_a_property_without_a_value_is_as_if_it_were_not_there() -> None:
    parsed = only(f"{FLOW}    \n".replace("hi}", "hi, description: null, retry: }") + "inputs:\nlabels:\nerrors: ~\nconcurrency:\n")
    assert_found(parsed.faults)


def test_old_names_are_warnings_and_aliases_infos_at_their_place() -> None:
    text = f"""{HEAD}tasks:
  - {{id: a, type: io.kestra.core.tasks.log.Log, message: x}}
  - {{id: b, type: io.kestra.plugin.core.flow.EachSequential, value: [a], tasks: [{{id: c, type: {LOG}, message: x}}]}}
  - {{id: d, type: io.kestra.plugin.core.flow.Pause, delay: PT1S}}
inputs:
  - {{name: old, type: ENUM, values: [a]}}
  - {{id: file, type: FILE, extension: .csv}}
taskDefaults:
  - {{type: io.kestra.plugin.core.log.Log, values: {{level: DEBUG}}}}
listeners:
  - tasks: [{{id: e, type: {LOG}, message: x}}]
"""
    parsed = only(text)
    assert_found(parsed.faults)
    assert_found(
        parsed.warnings,
        (5, 19, "tasks[1].type", "EachSequential is deprecated: use io.kestra.plugin.core.flow.ForEach"),
        (6, 53, "tasks[2].delay", "deprecated name of pauseDuration"),
        (8, 6, "inputs[0].name", "use `id`"),
        (8, 17, "inputs[0].type", "use SELECT"),
        (9, 28, "inputs[1].extension", "use `allowedFileExtensions`"),
        (10, 1, "taskDefaults", "use `pluginDefaults`"),
        (12, 1, "listeners", "use `afterExecution`"),
    )
    assert_found(parsed.infos, (4, 19, "tasks[0].type", "io.kestra.core.tasks.log.Log is now io.kestra.plugin.core.log.Log"))
    assert parsed.flow is not None
    assert getattr(parsed.flow.tasks[0], "level").raw == "DEBUG"  # noqa: B009 - the type of the task is its plugin's


def test_the_revision_and_the_tenant_of_a_document_are_not_read() -> None:
    parsed = only(f"revision: 7\ntenantId: other\ndeleted: true\n{FLOW}")
    assert parsed.flow is not None
    assert (parsed.flow.revision, parsed.flow.tenant_id, parsed.flow.deleted) == (1, "main", False)


def test_a_fault_stays_on_one_line() -> None:
    (fault,) = only(task(f"type: {LOG}\nmessage: |\n  one\n  {{{{ x | uper }}}}")).faults
    assert "\n" not in str(fault)


def test_a_type_without_its_package_is_found_under_its_present_name() -> None:
    (fault,) = only(FLOW.replace(LOG, "Log")).faults
    assert fault.message.startswith(f"Invalid type: Log; did you mean {LOG}")


def test_a_broken_expression_in_a_block_is_found_at_its_line() -> None:
    text = task(f"type: {LOG}\nmessage: |\n\n  one\n    two {{{{ x | uper }}}}\n  three")
    assert_found(only(text).faults, (9, 20, "tasks[0].message", "did you mean `upper`?"))
    second = f"{FLOW}---\n{task(f'type: {LOG}{chr(10)}message: |-{chr(10)}  {{{{ x | uper }}}}')}"
    assert_found(parse_flows(second, "flow.yaml")[1].faults, (12, 14, "tasks[0].message", "did you mean `upper`?"))
