"""docs/flows.md: its examples run, its tables are complete, and its faults are those that people see."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from kestra_stream.models.flow import Check, Concurrency, Flow, FlowOutput
from kestra_stream.models.input import Input, InputType
from kestra_stream.models.retry import ConstantRetry, ExponentialRetry, RandomRetry
from kestra_stream.models.state import StateType
from kestra_stream.models.task import Task
from kestra_stream.plugin.document.properties import properties
from kestra_stream.plugin.flow_source import parse_flows
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver
from tests.unit.plugin.document.documents import only

PAGE = (Path(__file__).parents[4] / "docs" / "flows.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SERVER = {"source", "tenantId", "revision", "deleted"}


def section(name: str) -> str:
    return PAGE.partition(f"## {name}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.partition("\n")[0])
def test_examples_have_no_faults_and_run(text: str, tmp_path: Path) -> None:
    parsed = only(text)
    assert (parsed.faults, parsed.warnings, parsed.infos) == ((), (), ())
    assert parsed.flow is not None
    story = Driver(text, storage=LocalStorage(tmp_path)).run(parsed.flow.id)
    assert story.state is StateType.SUCCESS, story.messages


def test_the_example_of_faults_is_what_people_see() -> None:
    faulty, told = re.findall(r"```(?:yaml faulty|text)\n(.*?)```", PAGE, re.DOTALL)
    faults = [str(fault) for parsed in parse_flows(faulty, "flow.yaml") for fault in parsed.faults]
    assert "\n".join(faults) + "\n" == told


@pytest.mark.parametrize(
    ("name", "classes"),
    [
        ("Properties of a flow", (Flow,)),
        ("Properties of every task", (Task,)),
        ("Inputs", (Input,)),
        ("Outputs", (FlowOutput,)),
        ("Retry", (ConstantRetry, ExponentialRetry, RandomRetry)),
        ("Concurrency", (Concurrency,)),
        ("Agreements and checks", (Check,)),
    ],
)
def test_tables_name_every_property(name: str, classes: tuple[type[BaseModel], ...]) -> None:
    known = {one for cls in classes for one in properties(cls)} - SERVER
    assert {one for one in known if f"`{one}`" not in section(name)} == set()


def test_tables_name_every_type_of_an_input() -> None:
    assert [one.value for one in InputType if f"`{one}`" not in section("Inputs")] == []


def test_the_readme_leads_here() -> None:
    readme = (Path(__file__).parents[4] / "README.md").read_text(encoding="utf-8")
    assert "(docs/flows.md)" in readme
