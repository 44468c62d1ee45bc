"""`run` on an engine elsewhere, on Kafka, tells the same as `run` here, in memory: what is printed, but for ids, times and durations."""

import json
import os
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
import yaml

from kestra_stream.assembly.backend import open_backend
from kestra_stream.assembly.equipment import Equipment
from kestra_stream.assembly.server import Component, Server
from kestra_stream.assembly.topics import prepare_topics
from kestra_stream.cli import main
from kestra_stream.runtime.clock import SystemClock
from kestra_stream.settings import load_settings
from tests.integration.clients.told_flows import FLOWS, PATH, SHELL
from tests.services.broker import Broker
from tests.unit.assembly.polling import until

OUTPUTS = ("table", "json")
ID = re.compile(r"\b([0-9A-Za-z]{22}|[0-9a-f]{32})\b")
FLOW_OF_LINE = re.compile(r"^(<time> \w+ +)\w+ > ")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
DURATION = re.compile(r"\bPT[0-9.HMS]+\b|\b\d+\.\d\ds\b")
TIME = re.compile(r"^\d\d:\d\d:\d\d\.\d{3} ")


@pytest.fixture(scope="module")
def config(kafka: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Settings of an engine on Kafka that runs."""
    folder, prefix = tmp_path_factory.mktemp("engine"), f"test-{uuid4().hex[:12]}-"
    settings = {
        "queue": {"type": "kafka"},
        "kafka": {"client": {"properties": dict(kafka.client)}, "defaults": {"topic-prefix": prefix, "topic": {"partitions": 3}}},
        "storage": {"type": "local", "local": {"base-path": str(folder / "storage")}},
        "server": {"port": 0},
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"kestra": settings}), encoding="utf-8")
    loaded, clock = load_settings(path, {}), SystemClock()
    prepare_topics(loaded)
    server = Server(Component.STANDALONE, Equipment(loaded, open_backend(loaded, clock), clock))
    server.start()
    until(lambda: all(loop.has_joined for loop in server.loops.values()))
    yield path
    server.stop(0.0)
    kafka.delete_topics(kafka.topics(prefix))


@dataclass(frozen=True)
class Told:
    """What one run of the command has left."""

    code: int
    out: str
    err: str


Run = Callable[..., Told]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process, as if it were one of its own."""
    for name in [name for name in os.environ if name.startswith("KESTRA_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Told:
        monkeypatch.setattr("sys.argv", ["kestra-stream", "run", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main.main()
        out, err = capsys.readouterr()
        code = ended.value.code or 0
        assert isinstance(code, int)
        return Told(code, out, err)

    return run


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("output", OUTPUTS)
def test_a_run_tells_the_same_on_memory_and_on_kafka(name: str, output: str, config: Path, run: Run, tmp_path: Path) -> None:
    text, options, code = FLOWS[name]
    path = written(tmp_path, name, text)
    arguments = [str(path), "-o", output, *(option.replace(PATH, str(path)) for option in options)]
    here = run(*arguments, "--storage", str(tmp_path / "here"))
    there = run(*arguments, "-c", str(config))
    assert (here.code, there.code) == (code, code), here.err + there.err
    assert_same(output, here, there, (str(tmp_path / "here"), str(config.parent / "storage")))


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_run_that_is_ended_by_ctrl_c_tells_the_same(output: str, config: Path, run: Run, tmp_path: Path) -> None:
    def ended(name: str, *options: str) -> Told:
        begun = tmp_path / name
        script = f"tasks: [{{id: s, {SHELL}, commands: ['touch {begun}; sleep 300']}}]"
        path = written(tmp_path, f"interrupted_{output}", script)
        interrupting = Thread(target=interrupt_after, args=(begun,))
        interrupting.start()
        told = run(str(path), "-o", output, *options)
        interrupting.join()
        return told

    here = ended("begun_here", "--storage", str(tmp_path / "here"))
    there = ended("begun_there", "-c", str(config))
    assert (here.code, there.code) == (1, 1)
    assert_same(output, here, there, (str(tmp_path / "here"), str(config.parent / "storage")))


def interrupt_after(begun: Path) -> None:
    """Press Ctrl-C once there is a file."""
    until(begun.exists)
    os.kill(os.getpid(), signal.SIGINT)


def written(folder: Path, name: str, text: str) -> Path:
    """Write a flow to a file."""
    path = folder / "flow.yaml"
    path.write_text(f"id: {name}\nnamespace: tests.told\n{text}", encoding="utf-8")
    return path


def assert_same(output: str, here: Told, there: Told, storages: tuple[str, str]) -> None:
    """Compare what two runs told."""
    comparable = table if output == "table" else document
    assert comparable(there.out, storages) == comparable(here.out, storages)
    assert there.err == here.err


def table(text: str, storages: tuple[str, str]) -> tuple[list[str], list[str]]:
    """The log lines in any order (those of several executions, or of tasks side by side, come as they come), then the rest as it is.

    Whether a line names its flow depends on whether another execution was known when it was shown.
    """
    lines = [plain(line, storages) for line in ID.sub("<id>", text).splitlines()]
    lines = [FLOW_OF_LINE.sub(r"\1", line) for line in lines]
    return sorted(line for line in lines if line.startswith("<time>")), [line for line in lines if not line.startswith("<time>")]


def document(text: str, storages: tuple[str, str]) -> Any:
    """The document, with what comes of several executions in any order."""
    if not text:
        return None
    found = json.loads(text)
    for metric in found["metrics"]:
        if metric["name"] == "duration":
            metric["value"] = "<seconds>"
    names = names_in(found)
    found = json.loads(plain(ID.sub(lambda one: names.get(one[0], "<id>"), json.dumps(found)), storages))
    for name in ("logs", "metrics", "executions"):
        found[name] = sorted(json.dumps(one, sort_keys=True) for one in found[name])
    return found


def names_in(found: Any) -> dict[str, str]:
    """Names for the ids of executions and task runs: they say which one it is."""
    names = {}
    for execution in filter(None, (found["execution"], *found["executions"])):
        number = execution.get("trigger", {}).get("variables", {}).get("taskRunIteration", "")
        name = f"<{execution['flowId']} {number} {execution['metadata']['attemptNumber']}>"
        names[execution["id"]] = name
        for run in execution["taskRunList"]:
            names[run["id"]] = f"<{name} {run['taskId']} {run.get('value')} {run.get('iteration')}>"
    return names


def plain(text: str, storages: tuple[str, str]) -> str:
    """A text without what differs from run to run."""
    for storage in storages:
        text = text.replace(storage, "<storage>")
    text = TIME.sub("<time> ", DATE.sub("<date>", text))
    return re.sub(" +", " ", DURATION.sub("<duration>", text))
