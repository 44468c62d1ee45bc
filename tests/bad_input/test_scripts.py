"""Scripts that misbehave: processes that do not die, streams that do not end, bytes that are no text."""

import psutil
import pytest

from kestra_stream.models.execution_input import Kill
from tests.bad_input.bench import Bench

pytestmark = pytest.mark.slow

SHELL = "io.kestra.plugin.scripts.shell.Script"
PYTHON = "io.kestra.plugin.scripts.python.Script"


def script(text: str, more: str = "", kind: str = SHELL) -> str:
    """A task that runs a script."""
    lines = "\n".join(f"  {line}" for line in text.strip().splitlines())
    return f"type: {kind}\n{more}\nscript: |\n{lines}"


FORKS_AND_IGNORES = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for n in range(5):
    if os.fork() == 0:
        os.setsid()
        if n % 2:
            os.fork()
        break
print("ready", flush=True)
time.sleep(1000)
"""
DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        for stream in (0, 1, 2):
            os.close(stream)
        os.chdir("/")
        time.sleep(1000)
    os._exit(0)
"""


def test_a_tree_that_ignores_sigterm_dies_when_its_time_is_over(bench: Bench) -> None:
    story = bench.end(bench.task(script(FORKS_AND_IGNORES, "timeout: PT3S", PYTHON)))
    assert story.errors == ["bad: Timeout after PT3S"]
    assert story.run("bad").state.current == "FAILED"


def test_a_tree_that_ignores_sigterm_dies_when_it_is_killed(bench: Bench) -> None:
    execution = bench.task(script(FORKS_AND_IGNORES, "", PYTHON))
    bench.until(lambda: any(line.message == "ready" for line in bench.lines))
    bench.engine.executions.send(execution, Kill())
    assert bench.end(execution).state == "KILLED"


@pytest.mark.parametrize(
    "text",
    ["sleep 1000 &\necho told", "setsid sleep 1000 &\necho told", "nohup sleep 1000 >/dev/null 2>&1 &\necho told"],
    ids=["background", "own session", "nohup"],
)
def test_what_a_script_leaves_running_dies_with_it(bench: Bench, text: str) -> None:
    story = bench.end(bench.task(script(text)))
    assert (story.state, "told" in story.text) == ("SUCCESS", True)


def test_a_daemon_dies_with_its_script(bench: Bench) -> None:
    assert bench.end(bench.task(script(DAEMON, "", PYTHON))).state == "SUCCESS"


def test_a_daemon_that_has_cleared_its_environment_dies_with_its_script(bench: Bench) -> None:
    text = DAEMON.replace("        time.sleep(1000)", "        os.execve('/bin/sleep', ['sleep', '1000'], {})").replace(
        "    if os.fork() == 0:", "    if (child := os.fork()) == 0:"
    )
    text = text.replace("    os._exit(0)", "    print('daemon', child, flush=True)\n    os._exit(0)")
    story = bench.end(bench.task(script(text + "else:\n    os.wait()\n", "", PYTHON)))
    (told,) = [line.message for line in story.lines if line.message.startswith("daemon ")]
    assert story.state == "SUCCESS"
    assert not psutil.pid_exists(int(told.split()[1]))


def test_a_script_may_close_its_streams_and_run_on(bench: Bench) -> None:
    story = bench.end(bench.task(script("import os, sys\nos.close(1)\nos.close(2)\nsum(range(10**7))\nos._exit(3)", "", PYTHON)))
    assert story.errors == ["bad: Command failed with exit code 3"]


def test_a_script_that_writes_without_end_is_timed_out(bench: Bench) -> None:
    story = bench.end(bench.task(script("yes", "timeout: PT1S")))
    assert story.errors == ["bad: Timeout after PT1S"]


def test_a_script_that_writes_without_end_is_killed(bench: Bench) -> None:
    execution = bench.task(script("yes"))
    bench.until(lambda: any(line.message == "y" for line in bench.lines))
    bench.engine.executions.send(execution, Kill())
    assert bench.end(execution).state == "KILLED"


def test_a_stopped_process_is_killed(bench: Bench) -> None:
    assert bench.end(bench.task(script("kill -STOP $$", "timeout: PT1S"))).errors == ["bad: Timeout after PT1S"]


def test_binary_output_becomes_text(bench: Bench) -> None:
    story = bench.end(bench.task(script("import sys\nsys.stdout.buffer.write(bytes(range(256)) * 1000)", "", PYTHON)))
    assert story.state == "SUCCESS"
    assert "\ufffd" in story.text


def test_ten_megabytes_on_one_line_are_cut(bench: Bench) -> None:
    story = bench.end(bench.task(script("import sys\nsys.stdout.write('x' * 10_000_000)", "", PYTHON)))
    (line,) = [line.message for line in story.lines if line.task_id]
    assert len(line) < 70_000
    assert line.endswith("more characters were cut]")


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        ("::{bad json}::", "Invalid outputs"),
        ('::{"outputs": 3}::', "Invalid outputs"),
        ('::{"outputs": [1]}::', "Invalid outputs"),
        ('::{"metrics": [{"name": "x", "type": "counter", "value": "many"}]}::', "Invalid outputs"),
        ('::{"metrics": 3}::', "Invalid outputs"),
        ('::{"logs": [3]}::', "Invalid outputs"),
        ("::{" + "[" * 100_000, "[[["),
    ],
)
def test_messages_that_are_none_are_told_and_cost_nothing(bench: Bench, protocol: str, told: str) -> None:
    story = bench.end(bench.task(script(f'cat <<\'END\'\n{protocol}\n::{{"outputs": {{"good": 1}}}}::\nEND')))
    assert told in story.text
    assert (story.run("bad").outputs or {})["vars"] == {"good": 1}


def test_a_script_gets_no_input(bench: Bench) -> None:
    assert "end of input" in bench.end(bench.task(script("cat; read line || echo end of input"))).text


@pytest.mark.parametrize("text", ['rm -rf "$WORKING_DIR"', "mkdir -p a/b; touch a/b/c; chmod 000 a/b a ."], ids=["removed", "no rights"])
def test_a_script_may_spoil_its_own_directory(bench: Bench, text: str) -> None:
    assert bench.end(bench.task(script(text))).state == "SUCCESS"


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ('interpreter: ["/nonexistent"]\nscript: "true"', "Cannot run '/nonexistent'"),
        ('interpreter: []\nscript: "true"', "interpreter"),
        ('script: "echo \\0"', "null byte"),
        ('env: {"A=B": "x"}\nscript: "true"', "illegal environment variable name"),
        ('script: "kill -9 $$"', "exit code 137"),
        ('script: "exit 300"', "exit code 44"),
    ],
)
def test_what_cannot_run_says_why(bench: Bench, definition: str, told: str) -> None:
    story = bench.end(bench.task(f"type: {SHELL}\n{definition}"))
    assert story.state == "FAILED"
    assert any(error.startswith("bad: ") and told in error for error in story.errors), story.errors
