"""Script tasks: what they run, what they read and write, and that nothing of them is left."""

import shutil
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from kestra_stream.models.state import StateType
from kestra_stream.plugin.context.encryption import Cipher, is_encrypted
from kestra_stream.plugin.context.secrets import environment_secrets
from kestra_stream.plugin.flow_source import parse_flows
from kestra_stream.plugin.process.process_tree import MARK
from kestra_stream.plugin.script import node, python, shell
from kestra_stream.plugin.script.docker import NO_CONTAINERS, Docker
from kestra_stream.plugin.script.script_task import ScriptTask
from tests.unit.plugin.core.written import as_task, faults
from tests.unit.plugin.script.attempts import Place, kill
from tests.unit.worker.doubles import eventually

S = StateType


def commands(*lines: str, **properties: Any) -> shell.Commands:
    return shell.Commands.model_validate({"id": "t", "type": shell.Commands.type_name, "commands": list(lines)} | properties)


def script(kind: type[ScriptTask], text: str, **properties: Any) -> ScriptTask:
    return kind.model_validate({"id": "t", "type": kind.type_name, "script": text} | properties)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    before = set(threading.enumerate())
    files = len(psutil.Process().open_files()), psutil.Process().num_fds()
    yield Place(tmp_path)
    assert eventually(lambda: not marked(tmp_path)), f"left behind: {marked(tmp_path)}"
    assert set(threading.enumerate()) <= before
    assert psutil.Process().num_fds() <= files[1]


def marked(folder: Path) -> list[str]:
    """Processes that belong to a script of this test; others may run theirs at the same time."""
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if MARK in environment and environment.get("WORKING_DIR", "").startswith(str(folder)):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


def test_commands_run_in_one_shell_and_their_lines_are_logged(place: Place) -> None:
    ran = place.run(commands("name=Ada", 'echo "Hello $name"', "printf 'no line end'"))
    assert ran.ended.state is S.SUCCESS
    assert ran.lines == [("INFO", "Hello Ada"), ("INFO", "no line end")]
    assert ran.outputs == {"exitCode": 0, "vars": {}, "outputFiles": {}, "stdOutLineCount": 2, "stdErrLineCount": 0, "taskRunner": None}


def test_a_line_on_the_standard_error_makes_a_warning_unless_it_may(place: Place) -> None:
    assert place.run(commands("echo x >&2")).ended.state is S.WARNING
    assert place.run(commands("echo x >&2", warningOnStdErr=False)).ended.state is S.SUCCESS
    assert place.run(commands("echo x >&2")).lines == [("ERROR", "x")]


def test_an_exit_code_fails_the_task_and_keeps_outputs(place: Place) -> None:
    ran = place.run(commands('echo \'::{"outputs":{"a":1}}::\'', "echo kept > f.txt", "exit 3", outputFiles=["*.txt"]))
    assert (ran.ended.state, ran.ended.error) == (S.FAILED, "Command failed with exit code 3")
    assert (ran.outputs["exitCode"], ran.outputs["vars"], list(ran.outputs["outputFiles"])) == (3, {"a": 1}, ["f.txt"])
    assert ran.lines[-1] == ("ERROR", "Command failed with exit code 3")


def test_fail_fast_ends_at_the_first_failure_and_can_be_switched_off(place: Place) -> None:
    assert place.run(commands("false", "echo on")).lines == [("ERROR", "Command failed with exit code 1")]
    assert place.run(commands("false", "echo on", failFast=False)).lines == [("INFO", "on")]


def test_before_commands_and_another_interpreter(place: Place) -> None:
    ran = place.run(commands("echo ${X} ${0##*/}", beforeCommands=["X=1"], interpreter=["/bin/sh", "-c"]))
    assert ran.lines == [("INFO", "1 sh")]


def test_expressions_and_the_environment(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_HOST", "host")
    monkeypatch.setenv("SECRET_HIDDEN", "c2VjcmV0")
    ran = place.run(
        commands("echo {{ inputs.x }} $A $B $FROM_HOST [$SECRET_HIDDEN]", "test $WORKING_DIR = {{ workingDir }} -a $PWD = $WORKING_DIR",
                 env={"A": "{{ inputs.x }}!", "B": True}),
        variables={"inputs": {"x": "hi"}},
    )  # fmt: skip
    assert ran.lines == [("INFO", "hi hi! true host []")]
    assert ran.ended.state is S.SUCCESS


def test_messages_set_outputs_metrics_and_logs(tmp_path: Path) -> None:
    place = Place(tmp_path, {"cipher": Cipher("MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=")})
    ran = place.run(
        commands(
            """echo '::{"outputs":{"a":{"b":[1]}}}::'""",
            """echo '::{"outputs":{"c":null},"metrics":[{"name":"n","type":"counter","value":2,"tags":{"k":"v"}}]}::'""",
            """echo '::{"metrics":[{"name":"t","type":"timer","value":1.5}]}::'""",
            """echo '::{"logs":[{"level":"WARN","message":"careful"}]}::'""",
            """echo '::{"encryptedOutputs":{"secret":"hush"}}::' """,
            "echo hush",
            "echo '::{broken}::'",
        )
    )
    assert {**ran.outputs["vars"], "secret": None} == {"a": {"b": [1]}, "c": None, "secret": None}
    assert is_encrypted(ran.outputs["vars"]["secret"])
    assert [(m.name, m.value, dict(m.tags)) for m in ran.metrics] == [("n", 2, {"k": "v"}), ("t", 1.5, {})]
    assert ran.lines[:2] == [("WARN", "careful"), ("INFO", "********")]
    assert ran.lines[2][0] == "WARN"
    assert ran.lines[2][1].startswith("Invalid outputs '::{broken}::'")
    assert ran.ended.state is S.SUCCESS


def test_input_files_come_from_text_and_storage_and_stay_inside(place: Place) -> None:
    uri = place.storage.put("main", "kestra:///company/team/f/executions/e1/tasks/x/y/data.csv", b"1,2\n")
    files = {"a/b.txt": "hello {{ inputs.n }}", "data.csv": uri, "empty": None}
    ran = place.run(commands("cat a/b.txt data.csv empty; find . -type f | sort", inputFiles=files), variables={"inputs": {"n": 1}})
    assert [line for _, line in ran.lines] == ["hello 11,2", "./a/b.txt", "./data.csv", "./empty"]
    for name in ("/etc/x", "../x", "a/../../x"):
        assert place.run(commands("true", inputFiles={name: "x"})).ended.error == f"'{name}' must be a relative path without '..'"
    as_json = place.run(commands("cat j", inputFiles='{"j": "from json"}'))
    assert as_json.lines == [("INFO", "from json")]


def test_a_foreign_file_is_refused(place: Place) -> None:
    uri = place.storage.put("main", "kestra:///other/team/f/executions/e9/tasks/x/y/data.csv", b"secret")
    ran = place.run(commands(f"cat {uri}"))
    assert ran.ended.state is S.FAILED
    assert "belongs neither to this execution" in (ran.ended.error or "")


def test_storage_uris_in_commands_become_local_files_and_are_no_outputs(place: Place) -> None:
    uri = place.storage.put("main", "kestra:///company/team/f/executions/e1/tasks/x/y/data.csv", b"content")
    ran = place.run(commands(f"cat '{uri}'", outputFiles=["**"]))
    assert ran.lines == [("INFO", "content")]
    assert ran.outputs["outputFiles"] == {}


def test_a_file_of_any_name_has_an_address_that_commands_understand(place: Place) -> None:
    names = ["two words, (1).csv", "größe 🎉.csv", "50%.csv", "it's.csv"]
    made = place.run(script(python.Script, f"for n in {names!r}: open(n, 'w').write(n)", outputFiles=["*.csv"])).outputs["outputFiles"]
    assert sorted(made) == sorted(names)
    assert place.run(commands(*(f"cat {made[name]}; echo" for name in names))).lines == [("INFO", name) for name in names]


def test_output_files_are_stored_by_relative_name(place: Place) -> None:
    ran = place.run(commands("mkdir -p a/b; echo 1 > a/b/x.txt; echo 2 > y.csv; ln -s /etc/passwd p.csv", outputFiles=["a/**", "*.csv"]))
    uris = ran.outputs["outputFiles"]
    assert sorted(uris) == ["a/b/x.txt", "y.csv"]
    with place.storage.get("main", uris["a/b/x.txt"]) as file:
        assert file.read() == b"1\n"


def test_the_output_directory_is_kept_whole(place: Place) -> None:
    ran = place.run(commands("echo 1 > {{ outputDir }}/x.txt; mkdir $OUTPUT_DIR/d; echo 2 > $OUTPUT_DIR/d/y.txt"))
    assert sorted(ran.outputs["outputFiles"]) == ["d/y.txt", "x.txt"]


def test_namespace_files_are_there(place: Place) -> None:
    task = commands("find . -type f | sort", namespaceFiles={"enabled": True, "include": ["scripts/**"], "exclude": ["**/*.tmp"]})
    for path in ("scripts/a.py", "scripts/b.tmp", "other.txt"):
        place.storage.put("main", f"kestra:///company/team/_files/{path}", b"x")
    assert place.run(task).lines == [("INFO", "./scripts/a.py")]


def test_python_and_node_scripts(place: Place) -> None:
    ran = place.run(script(python.Script, "import sys\nprint('py {{ inputs.x }}')\nsys.exit(4)"), variables={"inputs": {"x": 1}})
    assert (ran.lines[0], ran.outputs["exitCode"]) == (("INFO", "py 1"), 4)
    if shutil.which("node"):
        assert place.run(script(node.Script, "console.log('js')")).lines == [("INFO", "js")]
    assert place.run(script(shell.Script, "for x in 1 2; do\n echo $x\ndone")).lines == [("INFO", "1"), ("INFO", "2")]


def test_a_script_longer_than_an_argument_may_be(place: Place) -> None:
    ran = place.run(script(shell.Script, f"echo begin\n: '{'x' * 300_000}'\necho end"))
    assert ran.lines == [("INFO", "begin"), ("INFO", "end")]


def test_binary_and_endless_lines_cost_no_memory_and_kill_nobody(place: Place) -> None:
    ran = place.run(commands("printf 'a\\377\\000b\\n'", "head -c 10000000 /dev/zero | tr '\\000' x; echo", "echo after"))
    assert ran.lines[0] == ("INFO", "a\ufffd\x00b")
    assert ran.lines[1][1].endswith("more characters were cut]")
    assert len(ran.lines[1][1]) < 70_000
    assert ran.lines[2] == ("INFO", "after")


@pytest.mark.parametrize("code", [0, 3])
def test_a_message_that_is_too_long_fails_the_task_with_its_limit(place: Place, code: int) -> None:
    ran = place.run(commands("printf '::{\"outputs\":{\"a\":\"'; head -c 20000000 /dev/zero | tr '\\000' x; echo '\"}}::'", f"exit {code}"))
    assert ran.ended.state is S.FAILED
    error = ran.ended.error or ""
    assert "of 20,000,024 bytes; only 16,777,216 are read, so its outputs are lost" in error
    assert "`outputFiles`" in error
    assert ("exit code 3" in error) == (code == 3)


def test_secrets_are_masked_also_where_a_line_is_cut(tmp_path: Path) -> None:
    place = Place(tmp_path, {"secrets": environment_secrets({"SECRET_KEY": "c3dvcmRmaXNoLTEyMzQ1Njc4OTA="})})
    ran = place.run(
        commands("X={{ secret('KEY') }}", "echo say $X", "i=0; while [ $i -lt 12 ]; do X=$X$X; i=$((i+1)); done", "echo $X$X$X$X$X$X")
    )
    assert ran.lines[0] == ("INFO", "say ********")
    assert "sword" not in ran.lines[1][1]


def test_many_lines_do_not_deadlock(place: Place) -> None:
    ran = place.run(commands("for i in $(seq 20000); do echo $i; echo $i >&2; done"))
    assert (ran.outputs["stdOutLineCount"], ran.outputs["stdErrLineCount"]) == (20000, 20000)
    assert len({entry.id for entry in ran.logs}) == len(ran.logs) == 40000


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        "sleep 1000",
        "trap '' TERM; sleep 1000 & sleep 1000",
        "(setsid sh -c \"trap '' TERM; while true; do sleep 1; done\" &) ; trap '' TERM; while true; do sleep 1; done",
        "exec >&- 2>&-; sleep 1000",
    ],
)
def test_a_kill_ends_the_whole_tree_also_of_those_that_do_not_listen(place: Place, line: str) -> None:
    with place.running(commands(line)) as (running, result):
        assert eventually(lambda: any("sleep" in command for command in marked(place.folder)))
        begun = time.monotonic()
        kill(running)
    assert result().ended.state is S.KILLED
    assert time.monotonic() - begun < 5
    assert not marked(place.folder)


def test_what_a_script_leaves_running_ends_with_it(place: Place) -> None:
    begun = time.monotonic()
    ran = place.run(commands("setsid sleep 1000 & nohup sleep 1000 > /dev/null 2>&1 & (trap '' TERM; sleep 1000) &", "echo done"))
    assert ran.ended.state is S.SUCCESS
    assert ("INFO", "done") in ran.lines
    assert time.monotonic() - begun < 5


def test_a_signal_is_told_as_a_shell_does(place: Place) -> None:
    assert place.run(commands("kill -9 $$")).outputs["exitCode"] == 137


def test_a_program_that_is_not_there_is_a_clear_failure(place: Place) -> None:
    ran = place.run(commands("true", interpreter=["/no/such/shell", "-c"]))
    assert ran.ended.error == "Cannot run '/no/such/shell': [Errno 2] No such file or directory: '/no/such/shell'"


# -- containers and packages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "properties",
    [
        {"runner": "DOCKER", "docker": {"image": "ubuntu"}},
        {"taskRunner": Docker(type=Docker.type_name, image="ubuntu", pullPolicy="ALWAYS", volumes=["/a:/b"])},
    ],
)
def test_docker_is_the_host_with_a_warning(place: Place, properties: dict[str, Any]) -> None:
    ran = place.run(commands("echo hello", containerImage="ubuntu", **properties))
    assert ran.ended.state is S.SUCCESS
    assert ran.lines == [("WARN", NO_CONTAINERS), ("INFO", "hello")]


def test_a_flow_that_names_docker_is_valid_with_a_warning() -> None:
    runner = "{type: io.kestra.plugin.scripts.runner.docker.Docker, networkMode: host, cpu: {cpus: 1}}"
    task = f"id: t\ntype: io.kestra.plugin.scripts.shell.Commands\ncommands: [date]\ntaskRunner: {runner}"
    (parsed,) = parse_flows(as_task(task))
    assert parsed.faults == ()
    assert [NO_CONTAINERS in str(one) for one in parsed.warnings] == [True]


def test_the_older_runner_is_docker_or_the_host() -> None:
    assert "must be one of PROCESS, DOCKER" in faults(
        as_task("id: t\ntype: io.kestra.plugin.scripts.shell.Commands\ncommands: [date]\nrunner: KUBERNETES")
    )


def wheel(place: Place) -> str:
    """A package `tiny` with one module."""
    path = place.folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tiny.py", "WORD = 'installed'\n")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\ntiny-1.0.dist-info/WHEEL,,\n")
    return str(path)


@pytest.mark.slow
def test_packages_are_installed_for_the_attempt(place: Place) -> None:
    offline = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"}
    ran = place.run(
        script(python.Script, "import tiny\nprint(tiny.WORD)", dependencies=[wheel(place)], env=offline, dependencyCacheEnabled=False)
    )
    assert ran.ended.state is S.SUCCESS, ran.lines
    assert ran.lines == [("INFO", "installed")]


@pytest.mark.slow
def test_a_package_that_is_not_there_fails_the_task(place: Place) -> None:
    ran = place.run(
        python.Commands.model_validate(
            {
                "id": "t",
                "type": python.Commands.type_name,
                "commands": ["echo never"],
                "failFast": False,
                "dependencies": [str(place.folder / "none-1.0-py3-none-any.whl")],
                "env": {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1"},
            }
        )
    )
    assert ran.ended.state is S.FAILED
    assert ("ERROR", "the dependencies can not be installed") in ran.lines
    assert ("INFO", "never") not in ran.lines
