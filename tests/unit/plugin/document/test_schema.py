"""The JSON Schema for editors: what it takes and refuses agrees with the validator, and `type` selects the properties."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from kestra_stream.document.yaml_reader import load_documents
from kestra_stream.plugin.flow_source import parse_flows
from kestra_stream.plugin.registry import default_registry
from kestra_stream.plugin.schema import flow_schema
from tests.unit.plugin.document.documents import FLOW, HEAD, only

ROOT = Path(__file__).parents[4]
FLOWS = [path for folder in ("tests/flows", "examples") for path in sorted((ROOT / folder).rglob("*.yaml")) if "expected" not in path.name]
LOG = "io.kestra.plugin.core.log.Log"


@cache
def schema() -> dict[str, Any]:
    return flow_schema(default_registry())


@cache
def validator() -> Draft7Validator:
    return Draft7Validator(schema())


def refusals(text: str) -> list[str]:
    return [error.message for document in load_documents(text) for error in validator().iter_errors(document.data)]


def test_it_is_a_schema_that_editors_know() -> None:
    Draft7Validator.check_schema(schema())
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"


@pytest.mark.parametrize("folder", sorted({path.parent for path in FLOWS}), ids=lambda path: path.name)
def test_every_flow_of_the_conformance_set_and_the_examples_fits(folder: Path) -> None:
    for path in (one for one in FLOWS if one.parent == folder):
        text = path.read_text(encoding="utf-8")
        if not any(parsed.faults for parsed in parse_flows(text)):
            assert refusals(text) == [], path


def test_every_example_of_a_task_fits() -> None:
    tasks = validator().evolve(schema={"$ref": "#/definitions/Task", "definitions": schema()["definitions"]})
    for name, definition in schema()["definitions"].items():
        for example in definition.get("x-examples", ()):
            (document,) = load_documents(example)
            if document.data["type"] in schema()["definitions"]["Task"]["properties"]["type"]["anyOf"][0]["enum"]:
                assert [error.message for error in tasks.iter_errors(document.data)] == [], name


@pytest.mark.parametrize(
    "text",
    [
        FLOW,
        FLOW.replace("hi", "42"),
        FLOW.replace(LOG, "io.kestra.core.tasks.log.Log"),
        f"revision: 3\n{FLOW}labels: {{a: 1, b: true}}\n",
        f"{FLOW}labels: [{{key: a, value: b}}]\n",
        f"{FLOW}inputs: [{{name: old, type: STRING}}, {{id: m, type: MULTISELECT, options: [a]}}]\n",
        f"{FLOW}retry: {{type: constant, interval: PT1S, maxAttempt: 3}}\n",
        f"{HEAD}tasks: [{{id: a, type: {LOG}}}]\npluginDefaults: [{{type: {LOG}, values: {{message: x}}}}]\n",
        f"{HEAD}tasks: [{{id: a, type: {LOG}, message: [a, b], level: '{{{{ inputs.level }}}}', timeout: '{{{{ inputs.t }}}}'}}]\n",
        f"{HEAD}tasks: [{{id: p, type: io.kestra.plugin.core.flow.Pause, delay: PT1S}}]\n",
    ],
)
def test_what_the_validator_takes_fits(text: str) -> None:
    assert only(text).faults == ()
    assert refusals(text) == []


INVALID = [
    HEAD,
    FLOW.replace("id: f", "id: my flow"),
    FLOW.replace("company", "Company"),
    FLOW.replace("tasks:", "taskss:"),
    f"{HEAD}tasks: []\n",
    f"{HEAD}tasks: x\n",
    FLOW.replace(LOG, "io.kestra.plugin.core.log.Lgo"),
    FLOW.replace("message", "mesage"),
    FLOW.replace("message: hi", "message: hi, level: LOUD"),
    FLOW.replace("message: hi", "message: hi, timeout: 5 minutes"),
    FLOW.replace("message: hi", "message: hi, disabled: maybe"),
    FLOW.replace("message: hi", "message: hi, retry: {type: constant}"),
    FLOW.replace("message: hi", "message: hi, retry: {type: linear}"),
    FLOW.replace("message: hi", "message: hi, retry: {type: constant, interval: PT1S, maxAtempts: 3}"),
    FLOW.replace("id: a", "id: a.b"),
    FLOW.replace(", message: hi", ""),
    f"{FLOW}errors: [{{id: b, type: {LOG}}}]\n",
    f"{HEAD}tasks: [{{id: g, type: io.kestra.plugin.core.flow.If, condition: x, then: [{{id: b, type: {LOG}}}]}}]\n",
    f"{HEAD}tasks: [{{id: g, type: io.kestra.plugin.core.flow.Dag, tasks: [{{task: {{id: b, type: {LOG}}}}}]}}]\n",
    f"{HEAD}tasks: [{{id: g, type: io.kestra.plugin.core.flow.Parallel, tasks: [], concurrent: -1}}]\n",
    f"{HEAD}tasks: [{{id: g, type: io.kestra.plugin.core.flow.Pause, behavior: STOP}}]\n",
    f"{HEAD}tasks: [{{id: g, type: io.kestra.plugin.scripts.shell.Commands, commands: [a], taskRunner: {{type: x.Docker}}}}]\n",
    f"{FLOW}inputs: [{{id: x, type: string}}]\n",
    f"{FLOW}inputs: [{{type: STRING}}]\n",
    f"{FLOW}inputs: [{{id: x, type: STRING, min: 1}}]\n",
    f"{FLOW}inputs: [{{id: x, type: ARRAY}}]\n",
    f"{FLOW}inputs: [{{id: x, type: ENUM, values: []}}]\n",
    f"{FLOW}outputs: [{{id: x, type: STRING}}]\n",
    f"{FLOW}labels: {{a: [1]}}\n",
    f"{FLOW}labels: [{{key: a}}]\n",
    f"{FLOW}concurrency: {{limit: 0}}\n",
    f"{FLOW}concurrency: {{limit: 1, behavior: WAIT}}\n",
    f"{FLOW}sla: [{{id: s, type: MAX_DURATION, duration: 1h, behavior: FAIL}}]\n",
    f"{FLOW}checks: [{{condition: x, message: m, style: WARN}}]\n",
    f"{FLOW}triggers: [{{id: t, type: io.kestra.plugin.core.trigger.Schedule}}]\n",
    f"{FLOW}triggers: [{{id: t, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily', conditions: [{{type: x.Y}}]}}]\n",
    f"{FLOW}triggers: [{{id: t, type: {LOG}, message: x}}]\n",
    f"{FLOW}pluginDefaults: [{{type: {LOG}}}]\n",
    f"{FLOW}workerGroup: {{key: a, fallback: STOP}}\n",
]


@pytest.mark.parametrize("text", INVALID)
def test_what_a_schema_can_see_is_refused_by_schema_and_validator(text: str) -> None:
    assert only(text).faults != ()
    assert refusals(text) != []


def test_every_type_has_its_properties_with_descriptions_defaults_and_marks() -> None:
    definitions = schema()["definitions"]
    log, pause = definitions[LOG], definitions["io.kestra.plugin.core.flow.Pause"]
    assert log["additionalProperties"] is False
    assert log["properties"]["message"]["description"]
    assert definitions["Level"]["enum"] == ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"]
    assert pause["properties"]["delay"]["deprecated"] is True
    assert definitions["io.kestra.plugin.core.flow.EachSequential"]["deprecated"] is True
    assert definitions["TaskProperties"]["properties"]["disabled"]["default"] is False
    assert log["properties"]["disabled"] == {"$ref": "#/definitions/TaskProperties/properties/disabled"}


def test_a_task_is_chosen_among_all_types_with_a_line_about_each() -> None:
    choice = schema()["definitions"]["Task"]["properties"]["type"]["anyOf"][0]
    assert LOG in choice["enum"]
    assert "io.kestra.core.tasks.log.Log" not in choice["enum"]
    assert len(choice["enum"]) == len(choice["enumDescriptions"])
    assert all(choice["enumDescriptions"])
