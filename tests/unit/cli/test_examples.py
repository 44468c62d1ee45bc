"""Every example runs, and does what it says."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from .command import EXAMPLES, kestra

pytestmark = pytest.mark.slow

ORDERS = EXAMPLES / "orders"


def by_task(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {run["taskId"]: run for run in document["execution"]["taskRunList"]}


def orders(folder: Path, *arguments: str) -> dict[str, Any]:
    given = ("-i", f"orders=@{ORDERS / 'orders.csv'}", *arguments)
    document: dict[str, Any] = json.loads(kestra("run", ORDERS / "orders.yaml", ORDERS, *given, "-o", "json", cwd=folder).stdout)
    return document


def test_each_flow_here_is_run_by_a_test() -> None:
    found = {str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.yaml")}
    assert found == {"hello.yaml", "nap.yaml", "approval.yaml", "orders/orders.yaml", "orders/orders-batch.yaml"}


def test_all_are_valid_without_a_warning(tmp_path: Path) -> None:
    assert "0 faults, 0 warnings" in kestra("flow", "validate", EXAMPLES, cwd=tmp_path).stdout


def test_nap_sleeps_as_long_as_it_is_told(tmp_path: Path) -> None:
    done = kestra("run", EXAMPLES / "nap.yaml", "-i", "duration=PT0.1S", "-o", "json", cwd=tmp_path)
    assert [line["message"] for line in json.loads(done.stdout)["logs"]][:2] == ["good night", "good morning"]


def test_approval_takes_the_defaults_when_it_is_told_to_resume(tmp_path: Path) -> None:
    done = kestra("run", EXAMPLES / "approval.yaml", "--on-pause", "resume", "-o", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["execution"]["outputs"] == {"approved": True}


@pytest.mark.slow
def test_orders_does_real_work(tmp_path: Path) -> None:
    document = orders(tmp_path)
    execution, runs = document["execution"], by_task(document)
    assert execution["state"]["current"] == "SUCCESS"
    assert execution["outputs"]["kept"] == 3992
    assert list(execution["outputs"]["totals"]) == ["east", "north", "south", "west"]
    assert [child["outputs"]["orders"] for child in document["executions"]].count(1000) == 3
    assert [attempt["state"]["current"] for attempt in runs["exchange_rate"]["attempts"]] == ["FAILED", "FAILED", "SUCCESS"]
    assert runs["archive"]["state"]["current"] == "FAILED"
    assert {"archive_later", "tidy", "warn"} <= set(runs)
    assert "skip_details" not in runs
    assert {"orders.kept", "orders.refused", "regions"} <= {metric["name"] for metric in document["metrics"]}
    report = tmp_path / ".storage" / "main" / execution["outputs"]["report"].removeprefix("kestra:///")
    assert "Run 1: 3992 orders kept, 8 refused" in report.read_text()
    again = orders(tmp_path, "-i", "mode=quick", "-i", "minimum=3")
    assert again["execution"]["outputs"]["kept"] < 3992
    assert "Run 2 is over, whatever came of it." in [line["message"] for line in again["logs"]]
    assert "skip_details" in by_task(again)


def test_orders_shows_each_kind_of_thing_that_a_flow_can_do() -> None:
    document = yaml.safe_load((ORDERS / "orders.yaml").read_text())
    text = (ORDERS / "orders.yaml").read_text()
    for kind in ("flow.ForEach", "flow.ForEachItem", "flow.If", "flow.Switch", "kv.Set", "namespace.UploadFiles", "metric.Publish"):
        assert f"type: io.kestra.plugin.core.{kind}\n" in text
    for kind in ("python.Script", "shell.Commands"):
        assert f"type: io.kestra.plugin.scripts.{kind}\n" in text
    assert {"inputs", "errors", "finally", "outputs"} <= set(document)
    assert {one["type"] for one in document["inputs"]} == {"FILE", "SELECT", "INT", "STRING"}
    assert len((ORDERS / "orders.csv").read_text().splitlines()) == 4001
