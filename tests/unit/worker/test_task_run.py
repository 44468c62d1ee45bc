"""One job at a time: outputs, spilling, logs in files, the task cache, look-ups, WorkingDirectory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from kestra_stream.models.execution_input import LookedUp, TaskRunEnded
from kestra_stream.models.messages import KillRequest, LookupCall, LookupJob
from kestra_stream.models.records import Level, LogEntry
from kestra_stream.models.state import StateType
from kestra_stream.models.task import TaskCache
from kestra_stream.plugin.api import Outcome, RunContext, TaskFailed, TaskOutput
from kestra_stream.plugin.context.encryption import Vault
from kestra_stream.plugin.context.secrets import environment_secrets
from kestra_stream.plugin.core.flow.working_directory import DirectoryCache, WorkingDirectory
from kestra_stream.plugin.namespace_files import NamespaceFilesOption
from kestra_stream.plugin.script import shell
from kestra_stream.queue.interface import Outgoing
from kestra_stream.topics import EXECUTION_INBOX
from kestra_stream.worker.limits import WorkerLimits
from kestra_stream.worker.outputs import as_data
from kestra_stream.worker.pool.kills import Kills
from kestra_stream.worker.pool.running import RunningJob
from kestra_stream.worker.task_run import JobRunner
from tests.unit.plugin.script.attempts import Place
from tests.unit.worker.doubles import Does, flow_of, job, now

S = StateType


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    yield Place(tmp_path)
    assert list((tmp_path / "work").glob("*")) == []


def does(work: Any, **properties: Any) -> Does:
    """A task that does this."""
    Does.works["t"] = work
    return Does(id="t", **properties)


class Color(Enum):
    """A value with another one inside."""

    RED = "red"


@dataclass
class Point:
    """Any data class."""

    x: int


class Named(TaskOutput):
    """Outputs whose names differ."""

    some_value: Any
    other: int | None = Field(default=None, alias="renamed")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2030, 1, 1, tzinfo=UTC), "2030-01-01T00:00:00Z"),
        (date(2030, 1, 1), "2030-01-01"),
        (time(1, 2), "01:02:00"),
        (timedelta(seconds=61), "PT1M1S"),
        (Decimal("1.50"), 1.5),
        (Decimal(2), 2),
        (b"ab", "YWI="),
        ((1, {2: None, True: 1, None: 2}), [1, {"2": None, "true": 1, "null": 2}]),
        ({1}, [1]),
        (Color.RED, "red"),
        (Point(1), {"x": 1}),
        (Path("/a"), "/a"),
        (float("nan"), None),
        (Named(some_value=Point(2)), {"someValue": {"x": 2}, "renamed": None}),
    ],
)
def test_outputs_become_plain_data(value: Any, expected: Any) -> None:
    assert as_data({"value": value}) == {"value": expected}


def test_outputs_go_by_the_names_that_flows_use(place: Place) -> None:
    assert place.run(does(lambda _: Named(some_value=1))).outputs == {"someValue": 1, "renamed": None}


def test_outputs_that_contain_themselves_fail_the_task(place: Place) -> None:
    loop: list[Any] = []
    loop.append(loop)
    ran = place.run(does(lambda _: {"x": loop}))
    assert (ran.ended.state, ran.ended.outputs) == (S.FAILED, None)
    assert ran.ended.error == "the output `x` is nested too deeply, or contains itself"


class Unwritable:
    """A value whose class is broken."""

    def __str__(self) -> str:
        raise OSError("no text")


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ([1], "a task returns its outputs as a map or a TaskOutput, not as a list"),
        ("x", "a task returns its outputs as a map or a TaskOutput, not as a str"),
        ({"v": Unwritable()}, "the output `v` cannot be written as data: OSError: no text"),
    ],
)
def test_outputs_that_are_no_data_fail_the_task_and_are_named(place: Place, returned: Any, message: str) -> None:
    ran = place.run(does(lambda _: returned))
    assert (ran.ended.state, ran.ended.error) == (S.FAILED, message)


def test_outputs_of_a_failure_that_are_no_data_are_told_beside_it(place: Place) -> None:
    def fail(_: Any) -> None:
        raise TaskFailed("no", {"v": Unwritable()})

    ran = place.run(does(fail))
    assert (ran.ended.state, ran.ended.error, ran.outputs) == (S.FAILED, "no", {})
    assert "the output `v` cannot be written as data: OSError: no text" in [text for _, text in ran.lines]


def test_a_big_value_travels_as_a_reference(place: Place) -> None:
    ran = place.run(does(lambda _: {"big": ["x" * 100] * 1000, "small": 1}))
    assert ran.outputs["small"] == 1
    assert set(ran.outputs["big"]) == {"$spilled", "size"}
    assert place.services.fetch("main", ran.outputs)["big"] == ["x" * 100] * 1000


def test_many_values_that_are_too_big_together_are_spilled_too(place: Place) -> None:
    ran = place.run(does(lambda _: {f"v{n}": "x" * 60_000 for n in range(10)}))
    spilled = [name for name, value in ran.outputs.items() if isinstance(value, dict)]
    assert 5 <= len(spilled) < 10


def test_outputs_above_the_limit_fail_the_task(tmp_path: Path) -> None:
    place = Place(tmp_path, limits=WorkerLimits(outputs=1000))
    ran = place.run(does(lambda _: {"a": "x" * 2000}))
    assert (ran.ended.state, ran.outputs) == (S.FAILED, {})
    assert ran.ended.error == "The outputs have more than the 1000 bytes that may be handed on; write a file instead"


def test_an_outcome_names_its_state(place: Place) -> None:
    assert place.run(does(lambda _: Outcome({"a": 1}, S.WARNING))).ended.state is S.WARNING
    failed = place.run(does(lambda _: Outcome(None, S.FAILED)))
    assert (failed.ended.state, failed.ended.error, failed.ended.outputs) == (S.FAILED, "Task failure", None)


def test_an_unexpected_error_leaves_its_traceback(place: Place) -> None:
    ran = place.run(does(lambda context: context.variables["missing"]))
    assert ran.ended.error == "KeyError: 'missing'"
    assert [level for level, _ in ran.lines] == ["DEBUG", "ERROR"]
    assert "Traceback" in ran.lines[0][1]


def test_a_task_or_flow_that_is_not_there_fails_the_run(place: Place) -> None:
    sent: list[Outgoing] = []
    for flow in (None, flow_of(Does(id="other"))):
        runner = JobRunner(lambda *_, found=flow: found, place.services, WorkerLimits(), "w", sent.extend)
        *_, last = runner.run(RunningJob(job("t"), now()))
        assert isinstance(last.value, TaskRunEnded)
        assert last.value.state is S.FAILED
        assert "there is no" in (last.value.error or "")


def test_the_level_of_the_log_and_a_log_in_a_file(place: Place) -> None:
    def work(context: RunContext) -> None:
        context.logger.info("low")
        context.logger.error("high")

    assert place.run(does(work, log_level=Level.WARN)).lines == [("ERROR", "high")]
    ran = place.run(does(work, log_to_file=True))
    assert ran.lines == []
    assert ran.ended.log_file == "kestra:///company/team/f/executions/e1/tasks/t/run-1/logs-0.log"
    with place.storage.get("main", ran.ended.log_file) as file:
        assert [line.split(b" ", 1)[1] for line in file.read().splitlines()] == [b"INFO low", b"ERROR high"]


def test_the_task_cache_answers_while_nothing_that_the_task_names_has_changed(place: Place) -> None:
    runs: list[int] = []

    class Counting(Does):
        text: str = ""

        def run(self, _: RunContext) -> Any:
            runs.append(1)
            return {"n": len(runs)}

    def run(text: str, ttl: timedelta | None = None, **changes: Any) -> Any:
        task = Counting(id="t", text=text, task_cache=TaskCache(enabled=True, ttl=ttl))
        return place.run(task, **changes).outputs["n"]

    one, two = {"inputs": {"x": 1}}, {"inputs": {"x": 2}}
    assert [run("{{ inputs.x }}", variables=one), run("{{ inputs.x }}", variables=one), run("{{ inputs.x }}", variables=two)] == [1, 1, 2]
    assert run("{{ inputs.x }}", variables=one, value="v") == 3
    assert run("{{ inputs.x }}", timedelta(0), variables=one) == 4


def test_look_ups_are_answered_one_by_one(tmp_path: Path) -> None:
    vault = Vault(None)
    place = Place(tmp_path, {"secrets": environment_secrets({"SECRET_A": "eA=="}), "vault": vault})
    uri = place.storage.put(
        "main", "kestra:///company/team/f/executions/e1/tasks/a/b/_outputs/0123456789abcdef0123456789abcdef.json", b"[1]"
    )
    calls = (
        LookupCall("1", "secret", ("A",)),
        LookupCall("2", "kv", ("none",), {"errorOnMissing": True}),
        LookupCall("3", "nothing"),
        LookupCall("4", "secret", (1, 2, 3, 4)),
        LookupCall("5", "secret", sealed=vault.seal('[["A"], {}]')),
        LookupCall("6", "$spilled", (uri,)),
    )
    looked = LookupJob("e1", "company.team", "f", 1, "l1", calls)
    runner = JobRunner(lambda *_: None, place.services, WorkerLimits(), "w", lambda _: None)
    (sent,) = runner.run(RunningJob(looked, now()))
    assert sent.topic is EXECUTION_INBOX
    assert isinstance(sent.value, LookedUp)
    answers = {answer.key: answer for answer in sent.value.answers}
    assert [vault.open(answers[key].value["$sealed"]) for key in ("1", "5")] == ['"x"', '"x"']
    assert answers["6"].value == [1]
    assert "does not exist" in (answers["2"].error or "")
    assert answers["3"].error == "there is no function nothing()"
    assert (answers["4"].error or "").startswith("secret(): ")


def commands(task_id: str, *lines: str, **properties: Any) -> shell.Commands:
    """A shell task."""
    return shell.Commands.model_validate({"id": task_id, "type": shell.Commands.type_name, "commands": list(lines)} | properties)


def test_a_working_directory_is_shared_filled_and_kept(place: Place) -> None:
    place.storage.put("main", "kestra:///company/team/_files/lib/a.sh", b"echo from lib")
    task = WorkingDirectory.model_validate(
        {
            "id": "wd",
            "type": WorkingDirectory.type_name,
            "tasks": [
                commands("one", "sh lib/a.sh", "cat in.txt", 'echo \'::{"outputs":{"n":1}}::\'', "echo out > out.txt"),
                commands("two", "cat out.txt; echo {{ outputs.one.vars.n }} {{ taskrun.parentId }}", outputFiles=["out.txt"]),
            ],
            "inputFiles": {"in.txt": "in {{ inputs.x }}\n"},
            "outputFiles": ["*.txt"],
            "namespaceFiles": NamespaceFilesOption(),
        }
    )
    ran = place.run(task, variables={"inputs": {"x": 1}})
    assert ran.ended.state is S.SUCCESS, ran.lines
    assert [line for _, line in ran.lines] == ["from lib", "in 1", "out", "1 run-1"]
    assert sorted(ran.outputs["outputFiles"]) == ["in.txt", "out.txt"]
    two = ran.ended.task_runs[1]
    assert two.outputs is not None
    assert list(two.outputs["outputFiles"].values()) == [f"kestra:///company/team/f/executions/e1/tasks/two/{two.id}/out.txt"]
    assert [entry.task_id for entry in ran.logs] == ["one", "one", "two", "two"]


def test_the_cache_of_a_working_directory_lasts_for_its_ttl(place: Place) -> None:
    def run(ttl: timedelta | None) -> list[str]:
        child = commands("one", "cat cache/n 2> /dev/null || true", "mkdir -p cache", "echo x >> cache/n; chmod 755 cache/n")
        task = WorkingDirectory(id="wd", type="x", tasks=(child,), cache=DirectoryCache(patterns=("cache/**",), ttl=ttl))
        return [line for _, line in place.run(task).lines if line == "x"]

    assert [len(run(None)), len(run(None)), len(run(timedelta(hours=1))), len(run(timedelta(0)))] == [0, 1, 2, 0]


def test_a_child_ends_by_its_own_timeout(place: Place) -> None:
    # nobody watches here: the timeout of a child is a guard of the same job
    seen: list[float | None] = []

    def work(context: RunContext) -> None:
        seen.extend(guard.timeout for guard in running.guards)

    Does.works["c"] = work
    task = WorkingDirectory.model_construct(id="wd", type="x", tasks=(Does.model_validate({"id": "c", "timeout": "PT5S"}),))
    runner = JobRunner(lambda *_: flow_of(task), place.services, WorkerLimits(), "w", lambda _: None)
    running = RunningJob(job("wd"), now())
    runner.run(running)
    assert seen == [None, 5.0]
    assert running.guards == []
    assert running.logs == []


def test_kills_are_remembered_in_bounded_memory() -> None:
    kills = Kills()
    for number in range(20_000):
        kills.remember(KillRequest(f"e{number}", before=5))
    assert kills.covers(job("t", execution_id="e19999", sequence=4))
    assert not kills.covers(job("t", execution_id="e19999", sequence=5))
    assert not kills.covers(job("t", execution_id="e1", sequence=4))


def test_log_lines_of_an_attempt_have_ids_that_a_second_delivery_repeats(place: Place) -> None:
    def ids() -> list[str]:
        logs: list[LogEntry] = place.run(does(lambda context: context.logger.info("x"))).logs
        return [entry.id for entry in logs]

    assert ids() == ids()
