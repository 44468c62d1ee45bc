"""Every example of a task runs as it stands: with inputs, outputs of other tasks, flows and files as it names them."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kestra_stream.models.state import StateType
from kestra_stream.models.task import Plugin, Task
from kestra_stream.plugin.documentation import output_of
from kestra_stream.plugin.registry import default_registry
from kestra_stream.repository.query import Filter, Page
from kestra_stream.storage.local import LocalStorage
from kestra_stream.testing.driver import Driver, Story
from tests.unit.plugin.core.server import Server, serving
from tests.unit.plugin.core.written import as_task, measures_of

S = StateType
ROWS = "kestra:///company/team/_files/rows.ion"
INPUTS: dict[str, Any] = {"name": "Ada", "file": ROWS, "text": "a note", "count": 3, "amount": 5, "country": "FR", "customer": "c1"}
INPUTS |= {"day": "sunday", "mode": "fast", "level": "WARN", "execution": "paused"}
OUTPUTS: dict[str, dict[str, Any]] = {
    "download": {"uri": ROWS},
    "first": {"uri": ROWS},
    "second": {"uri": ROWS},
    "note": {"uri": ROWS},
    "load": {"rows": 3, "last": 2},
    "ask": {"code": 200},
}
ENDS = {
    "flow.AllowFailure": S.WARNING,
    "flow.Pause": S.PAUSED,
    "execution.Exit": S.WARNING,
    # nothing here runs triggers, and the task says so
    "trigger.Toggle": S.FAILED,
}
CALLED = (
    "id: {}\nnamespace: company.team\ninputs: [{{id: name, type: STRING, required: false}}, {{id: rows, type: STRING, required: false}}]\n"
)
NOTHING = "tasks: [{id: nothing, type: io.kestra.plugin.core.log.Log, message: x}]\n"
PAUSED = "id: paused\nnamespace: company.team\ntasks: [{id: wait, type: io.kestra.plugin.core.flow.Pause, onResume: [{id: approved, type: BOOL}]}]\n"
FLOWS = [CALLED.format(name) + NOTHING for name in ("other", "one-batch", "shared-tasks")] + [PAUSED]
FILES = {"rows.ion": b'{"id": 1, "amount": 500}\n{"id": 1, "amount": 1}\n', "old/a.txt": b"a"}
FILES |= {"scripts/main.py": b"print('main')\n", "scripts/main.js": b"console.log('main')\n"}


def examples() -> Iterator[Any]:
    registry = default_registry()
    for name in registry.names():
        resolved = registry.resolve(name)
        if not resolved.is_alias and issubclass(resolved.cls, Task) and name.startswith("io.kestra."):
            for place, example in enumerate(resolved.cls.examples):
                short = name.removeprefix("io.kestra.plugin.").removeprefix("core.")
                yield pytest.param(short, example, id=f"{short}-{place}")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as one:
        yield one


@pytest.fixture(autouse=True)
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret, and a `node` for machines that have none."""
    monkeypatch.setenv("SECRET_API_TOKEN", "dG9rZW4=")
    if shutil.which("node") is None:
        program = tmp_path / "bin" / "node"
        program.parent.mkdir()
        program.write_text('#!/bin/sh\ncat "$1"\n', encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")


def flow_around(example: str) -> tuple[str, dict[str, Any]]:
    """The flow of an example with what it names: its inputs, and tasks that give the outputs."""
    inputs = {name: INPUTS[name] for name in re.findall(r"inputs\.(\w+)", example)}
    own = set(re.findall(r"\bid: (\w+)", example))
    before = [name for name in dict.fromkeys(re.findall(r"outputs\.(\w+)", example)) if name not in own]
    declared = "".join(f"  - {{id: {name}, type: {'INT' if isinstance(value, int) else 'STRING'}}}\n" for name, value in inputs.items())
    tasks = "".join(f"  - {{id: {name}, type: io.kestra.plugin.core.log.Log, message: x}}\n" for name in before)
    trigger = "triggers:\n  - {id: every-quarter, type: io.kestra.plugin.core.trigger.Schedule, cron: '@daily'}\n"
    source = as_task(example).replace("tasks:\n", f"{'inputs:' if declared else ''}\n{declared}tasks:\n{tasks}", 1) + trigger
    return f"{source}variables: {{status: 1}}\n", inputs


def told(example: str, server: Server, folder: Path) -> tuple[Driver, Story]:
    """Run an example."""
    storage = LocalStorage(folder)
    for name, content in FILES.items():
        storage.put("main", f"kestra:///company/team/_files/{name}", content)
    source, inputs = flow_around(re.sub(r"https?://(example\.com|localhost:8080)", server.url, example))
    outcomes: Any = {name: [(S.SUCCESS, values)] for name, values in OUTPUTS.items() if f"id: {name}, type" in source}
    driver = Driver(source, *FLOWS, storage=storage, outcomes=outcomes)
    driver.create("paused", execution_id="paused")
    driver.settle()
    return driver, driver.run("f", inputs)


def check_documented(name: str, own_id: str, driver: Driver, story: Story) -> None:
    """Outputs and metrics of the run are those that the documentation of its type names."""
    cls = next(cls for full in (f"io.kestra.plugin.core.{name}", f"io.kestra.plugin.{name}") if (cls := known(full)) is not None)
    run = next(run for run in story.task_runs if run.task_id == own_id)
    output = output_of(cls)
    documented = {field.alias or key for key, field in output.model_fields.items()} if output is not None else set()
    assert name == "templating.TemplatedTask" or set(run.outputs or {}) <= documented
    published = driver.repository.metrics.search(Filter().where("task_run_id", run.id), Page(1, 100)).items
    assert name == "metric.Publish" or {one.name for one in published} <= {one.name for one in measures_of(cls)}


def known(name: str) -> type[Plugin] | None:
    registry = default_registry()
    return registry.resolve(name).cls if name in registry.names() else None


@pytest.mark.parametrize(("name", "example"), list(examples()))
def test_an_example_runs(name: str, example: str, server: Server, tmp_path: Path) -> None:
    driver, story = told(example, server, tmp_path / "storage")
    assert story.state is ENDS.get(name, S.SUCCESS), story.messages
    check_documented(name, re.findall(r"\bid: ([\w-]+)", example)[0], driver, story)
    if name == "execution.Resume":
        assert driver.story("paused").state is S.SUCCESS
    if name == "trigger.Toggle":
        assert "nothing in this installation runs triggers" in "\n".join(story.messages)
