"""`kestra-stream`, run as a whole process the way a person runs it."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from .command import COMMAND, EXAMPLES, kestra

pytestmark = pytest.mark.slow  # whole processes


def flow(folder: Path, text: str, name: str = "flow.yaml") -> Path:
    path = folder / name
    path.write_text(f"id: {path.stem}\nnamespace: tests.cli\n{text}\n")
    return path


LOG = "tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: hello}]"
PAUSE = """
tasks:
  - {id: p, type: io.kestra.plugin.core.flow.Pause, onResume: [{id: ok, type: BOOL, defaults: true}]}
  - {id: a, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.p.onResume.ok }}"}
"""
OWN_SLEEP = str(100_000 + os.getpid())  # other test runs on this machine have sleepers of their own
SLOW = f"""
tasks:
  - id: slow
    type: io.kestra.plugin.scripts.shell.Commands
    commands: ["trap '' TERM; sleep {OWN_SLEEP} & sleep {OWN_SLEEP}"]
"""


def test_hello_says_hello(tmp_path: Path) -> None:
    done = kestra("run", EXAMPLES / "hello.yaml", "-i", "name=Ada", cwd=tmp_path)
    assert "Hello, Ada!" in done.stdout
    assert "SUCCESS" in done.stdout.splitlines()[-1]


def test_json_is_one_document_with_everything(tmp_path: Path) -> None:
    done = kestra("run", EXAMPLES / "hello.yaml", "-l", "team=core", "-o", "json", cwd=tmp_path)
    document: dict[str, Any] = json.loads(done.stdout)
    assert set(document) == {"execution", "executions", "logs", "metrics"}
    execution = document["execution"]
    assert execution["state"]["current"] == "SUCCESS"
    assert [run["taskId"] for run in execution["taskRunList"]] == ["greeting", "say"]
    assert {"key": "team", "value": "core"} in execution["labels"]
    assert "Hello, world!" in [line["message"] for line in document["logs"]]


def test_a_failed_flow_ends_with_1(tmp_path: Path) -> None:
    kestra("run", flow(tmp_path, "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail}]"), cwd=tmp_path, check=1)


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("tasks: [{id: a, type: io.kestra.plugin.core.log.Lgo, message: x}]", [], "did you mean io.kestra.plugin.core.log.Log"),
        ("tasks: [{id: a, type: io.kestra.plugin.core.log.Log, mesage: x}]", [], "did you mean `message`"),
        ("tasks: []", [], "must not be empty"),
        (LOG, ["-i", "x=1"], "the flow has no input `x`"),
        (LOG, ["-i", "nonsense"], "write name=value"),
        (LOG, ["-o", "xml"], "table or json"),
        (LOG, ["--timeout", "soon"], "an ISO-8601 duration such as"),
        (LOG, ["--on-pause", "maybe"], "must be one of"),
        (f"inputs: [{{id: n, type: INT}}]\n{LOG}", ["-i", "n=many"], "Invalid input for `n`"),
        (f"inputs: [{{id: n, type: INT}}]\n{LOG}", [], "missing required input"),
        (f"inputs: [{{id: f, type: FILE}}]\n{LOG}", ["-i", "f=@nowhere.csv"], "there is no file"),
    ],
)
def test_bad_input_ends_with_2_and_names_the_remedy(tmp_path: Path, text: str, arguments: list[str], message: str) -> None:
    done = kestra("run", flow(tmp_path, text), *arguments, cwd=tmp_path, check=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_timeout_ends_with_3_and_leaves_no_process(tmp_path: Path) -> None:
    kestra("run", flow(tmp_path, SLOW), "--timeout", "1", cwd=tmp_path, check=3)
    assert sleepers() == []


def test_a_pause_stops_with_4_unless_told_otherwise(tmp_path: Path) -> None:
    path = flow(tmp_path, PAUSE)
    done = kestra("run", path, "-o", "json", cwd=tmp_path, check=4)
    assert json.loads(done.stdout)["execution"]["state"]["current"] == "PAUSED"
    done = kestra("run", path, "-o", "json", "--on-pause", "resume", cwd=tmp_path)
    runs = {run["taskId"]: run for run in json.loads(done.stdout)["execution"]["taskRunList"]}
    assert runs["a"]["outputs"]["value"] == "true"


def test_ctrl_c_kills_the_execution_and_its_processes(tmp_path: Path) -> None:
    command = [COMMAND, "run", str(flow(tmp_path, SLOW)), "-o", "json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)  # noqa: S603
    deadline = time.monotonic() + 30
    while not sleepers() and time.monotonic() < deadline:
        os.sched_yield()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    execution = json.loads(output)["execution"]
    assert execution["state"]["current"] == "KILLED"
    assert [run["state"]["current"] for run in execution["taskRunList"]] == ["KILLED"]
    assert sleepers() == []


def sleepers() -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", OWN_SLEEP]]


def test_validate_names_every_fault_with_its_place(tmp_path: Path) -> None:
    path = flow(tmp_path, "tasks:\n  - id: a b\n    type: io.kestra.plugin.core.log.Log\n    mesage: x\n  - id: c\n    type: nowhere.Task")
    done = kestra("flow", "validate", path, "-o", "json", cwd=tmp_path, check=2)
    faults = {(fault["line"], fault["path"]) for fault in json.loads(done.stdout)["faults"]}
    assert {(4, "tasks[0].id"), (6, "tasks[0].mesage"), (8, "tasks[1].type")} <= faults


def test_graph_schema_and_documentation_are_printed(tmp_path: Path) -> None:
    assert kestra("flow", "graph", EXAMPLES / "hello.yaml", cwd=tmp_path).stdout.startswith("flowchart TD")
    assert "digraph" in kestra("flow", "graph", EXAMPLES / "hello.yaml", "-o", "dot", cwd=tmp_path).stdout
    assert "io.kestra.plugin.core.log.Log" in json.loads(kestra("plugin", "schema", cwd=tmp_path).stdout)["definitions"]
    assert "| `message` |" in kestra("plugin", "doc", "io.kestra.plugin.core.log.Log", cwd=tmp_path).stdout
    assert "io.kestra.plugin.core.flow.ForEach" in kestra("plugin", "list", cwd=tmp_path).stdout


BESIDE = """
tasks:
  - id: side_by_side
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: p, type: io.kestra.plugin.core.flow.Pause}
      - {id: again, type: io.kestra.plugin.core.execution.Fail, retry: {type: constant, interval: PT1H}}
      - {id: work, type: io.kestra.plugin.scripts.shell.Commands, commands: ["sleep 0.5"]}
"""


def test_what_works_beside_a_pause_may_end_before_the_run_stops(tmp_path: Path) -> None:
    done = kestra("run", flow(tmp_path, BESIDE), "-o", "json", cwd=tmp_path, check=4)
    runs = {run["taskId"]: run["state"]["current"] for run in json.loads(done.stdout)["execution"]["taskRunList"]}
    assert runs == {"side_by_side": "RUNNING", "p": "PAUSED", "again": "RETRYING", "work": "SUCCESS"}


def test_resume_without_the_values_that_a_pause_needs_stays_paused(tmp_path: Path) -> None:
    text = "tasks: [{id: p, type: io.kestra.plugin.core.flow.Pause, onResume: [{id: n, type: INT}]}]"
    done = kestra("run", flow(tmp_path, text), "--on-pause", "resume", cwd=tmp_path, check=4)
    assert "`p` stays paused: Invalid input for `n`, missing required input" in done.stdout


def test_wait_waits_for_a_pause_to_end_by_itself(tmp_path: Path) -> None:
    text = "tasks: [{id: p, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT0.2S}]"
    assert "SUCCESS" in kestra("run", flow(tmp_path, text), "--on-pause", "wait", cwd=tmp_path).stdout


@pytest.mark.parametrize(("arguments", "code", "state"), [(("--timeout", "1"), 3, "KILLED"), ((), 4, "PAUSED")])
def test_a_document_is_printed_however_the_run_ends(tmp_path: Path, arguments: tuple[str, ...], code: int, state: str) -> None:
    text = PAUSE if code == 4 else SLOW
    document = json.loads(kestra("run", flow(tmp_path, text), *arguments, "-o", "json", cwd=tmp_path, check=code).stdout)
    assert set(document) == {"execution", "executions", "logs", "metrics"}
    assert document["execution"]["state"]["current"] == state


def test_an_execution_started_in_passing_is_waited_for(tmp_path: Path) -> None:
    flow(tmp_path, "tasks: [{id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: ['sleep 0.3']}]", "child.yaml")
    parent = "tasks: [{id: a, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.cli, flowId: child, wait: false}]"
    document = json.loads(kestra("run", flow(tmp_path, parent), tmp_path, "-o", "json", cwd=tmp_path).stdout)
    assert [child["state"]["current"] for child in document["executions"]] == ["SUCCESS"]


@pytest.mark.parametrize(
    ("files", "arguments", "message"),
    [
        (("a.yaml", "b.yaml"), ["."], "name the one that is to run first"),
        (("a.yaml", "b.yaml"), ["a.yaml", "b.yaml"], "is in a.yaml and again in b.yaml"),
        (("a.yaml",), ["a.yaml", "--on-pause", "ask"], "there is no terminal to ask in"),
        ((), ["."], "there is no flow file"),
        ((), ["nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
    ],
)
def test_flows_that_cannot_be_told_apart_or_found_are_refused(
    tmp_path: Path, files: tuple[str, ...], arguments: list[str], message: str
) -> None:
    for name in files:
        (tmp_path / name).write_text(f"id: same\nnamespace: tests.cli\n{LOG}\n")
    assert message in kestra("run", *arguments, cwd=tmp_path, check=2).stderr


def test_a_disabled_flow_is_refused(tmp_path: Path) -> None:
    assert "is disabled" in kestra("run", flow(tmp_path, f"disabled: true\n{LOG}"), cwd=tmp_path, check=2).stderr


def test_batches_stand_in_their_order_however_they_started(tmp_path: Path) -> None:
    (tmp_path / "rows.txt").write_text("".join(f"{number}\n" for number in range(9)))
    flow(tmp_path, "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail}]", "batch.yaml")
    items = "{id: each, type: io.kestra.plugin.core.flow.ForEachItem, items: '{{ inputs.f }}', namespace: tests.cli, flowId: batch}"
    main = flow(tmp_path, f"inputs: [{{id: f, type: FILE}}]\ntasks: [{items}]")
    done = kestra("run", main, tmp_path / "batch.yaml", "-i", "f=@rows.txt", cwd=tmp_path, check=1)
    assert re.findall(r"→ batch (#\d+)", done.stdout) == [f"#{number}" for number in range(1, 10)]


@pytest.mark.parametrize(("on_pause", "code", "state"), [("stop", 4, "PAUSED"), ("resume", 0, "SUCCESS")])
def test_a_pause_after_the_end_is_one_like_any_other(tmp_path: Path, on_pause: str, code: int, state: str) -> None:
    after = "afterExecution: [{id: p, type: io.kestra.plugin.core.flow.Pause}]"
    done = kestra("run", flow(tmp_path, f"{LOG}\n{after}"), "--on-pause", on_pause, "-o", "json", cwd=tmp_path, check=code)
    execution = json.loads(done.stdout)["execution"]
    assert execution["state"]["current"] == "SUCCESS"
    assert execution["taskRunList"][1]["state"]["current"] == state


def test_work_beside_the_failure_that_ended_all_may_end(tmp_path: Path) -> None:
    beside = "{id: beside, type: io.kestra.plugin.scripts.shell.Commands, commands: [sleep 1]}"
    fail = "{id: fail, type: io.kestra.plugin.core.execution.Fail}"
    both = flow(tmp_path, f"tasks: [{{id: both, type: io.kestra.plugin.core.flow.Parallel, tasks: [{beside}, {fail}]}}]")
    done = kestra("run", both, "-o", "json", cwd=tmp_path, check=1)
    runs = {run["taskId"]: run["state"]["current"] for run in json.loads(done.stdout)["execution"]["taskRunList"]}
    assert runs == {"both": "FAILED", "beside": "SUCCESS", "fail": "FAILED"}
