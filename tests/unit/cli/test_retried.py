"""A run whose execution is RETRIED goes on with the execution that is created in its place, to the end of the line."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .command import COMMAND, kestra

pytestmark = pytest.mark.slow  # whole processes

COUNTS = """
tasks:
  - {id: known, type: io.kestra.plugin.core.kv.Get, key: n}
  - {id: count, type: io.kestra.plugin.core.kv.Set, key: n, value: "{{ (outputs.known.value ?? 0) + 1 }}"}
  - id: flaky
    type: io.kestra.plugin.core.execution.Fail
    condition: "{{ (outputs.known.value ?? 0) < 2 }}"
    retry: {type: constant, interval: PT0.05S, maxAttempts: 5, behavior: CREATE_NEW_EXECUTION}
outputs: [{id: n, type: INT, value: "{{ outputs.known.value }}"}]
"""


def flow(folder: Path, text: str) -> Path:
    path = folder / "flow.yaml"
    path.write_text(f"id: again\nnamespace: tests.cli\n{text}\n")
    return path


def failing(folder: Path, interval: str) -> Path:
    retry = f"{{type: constant, interval: {interval}, maxAttempts: 3, behavior: CREATE_NEW_EXECUTION}}"
    return flow(folder, f"retry: {retry}\ntasks: [{{id: a, type: io.kestra.plugin.core.execution.Fail}}]")


def states(document: dict[str, Any]) -> list[str]:
    return [one["state"]["current"] for one in (document["execution"], *document["executions"])]


def test_the_last_execution_decides(tmp_path: Path) -> None:
    done = kestra("run", flow(tmp_path, COUNTS), "-o", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert states(document) == ["SUCCESS", "RETRIED", "RETRIED"]
    last, (first, second) = document["execution"], document["executions"]
    assert last["outputs"] == {"n": 2}
    assert [last["parentId"], last["originalId"]] == [second["id"], first["id"]]


def test_the_last_one_fails_when_all_do(tmp_path: Path) -> None:
    done = kestra("run", failing(tmp_path, "PT0.05S"), "-o", "json", cwd=tmp_path, check=1)
    assert states(json.loads(done.stdout)) == ["FAILED", "RETRIED", "RETRIED"]


def test_people_see_the_last_one_and_how_many_there_were(tmp_path: Path) -> None:
    done = kestra("run", flow(tmp_path, COUNTS), cwd=tmp_path)
    assert "attempt 3" in done.stdout
    assert "SUCCESS" in done.stdout.splitlines()[-1]
    assert "3 task runs, 2 retried executions" in done.stdout.splitlines()[-1]


def test_a_timeout_does_not_wait_for_the_next_execution(tmp_path: Path) -> None:
    done = kestra("run", failing(tmp_path, "PT1H"), "--timeout", "2", "-o", "json", cwd=tmp_path, check=3)
    assert states(json.loads(done.stdout)) == ["RETRIED"]


def test_ctrl_c_does_not_wait_for_the_next_execution(tmp_path: Path) -> None:
    command = [COMMAND, "run", str(failing(tmp_path, "PT1H"))]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own command
        assert running.stdout is not None
        next(line for line in running.stdout if "RETRIED" in line)
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 1
