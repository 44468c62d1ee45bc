"""What a person sees in a terminal, and is asked there."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from .pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow  # whole processes

RETURN = "type: io.kestra.plugin.core.debug.Return, format"
FAMILY = """
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: [north, south]
    tasks:
      - {id: part, type: io.kestra.plugin.core.log.Log, message: "part {{ taskrun.value }}", level: WARN}
      - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.cli, flowId: child}
outputs:
  - {id: answer, type: INT, value: "42"}
---
id: child
namespace: tests.cli
tasks:
  - {id: speak, type: io.kestra.plugin.core.log.Log, message: from below}
"""
PAUSES = """
tasks:
  - {id: plain, type: io.kestra.plugin.core.flow.Pause}
  - id: typed
    type: io.kestra.plugin.core.flow.Pause
    onResume:
      - {id: ok, type: BOOL, defaults: true, description: Is all well?}
      - {id: why, type: STRING, dependsOn: {inputs: [ok], condition: "{{ not inputs.ok }}"}}
      - {id: fine, type: STRING, dependsOn: {inputs: [ok], condition: "{{ inputs.ok }}"}}
      - {id: number, type: INT, min: 1, max: 9}
      - {id: colour, type: SELECT, expression: "{{ ['red', 'green'] }}"}
      - {id: list, type: ARRAY, itemType: INT}
      - {id: nothing, type: DATE, required: false}
  - id: side_by_side
    type: io.kestra.plugin.core.flow.Parallel
    tasks:
      - {id: left, type: io.kestra.plugin.core.flow.Pause}
      - {id: right, type: io.kestra.plugin.core.flow.Pause}
      - {id: call, type: io.kestra.plugin.core.flow.Subflow, namespace: tests.cli, flowId: child}
  - {id: told, type: io.kestra.plugin.core.debug.Return, format: "{{ outputs.typed.onResume }}"}
outputs:
  - {id: told, type: JSON, value: "{{ outputs.told.value }}"}
---
id: child
namespace: tests.cli
tasks:
  - {id: below, type: io.kestra.plugin.core.flow.Pause, onResume: [{id: x, type: SECRET, required: false}]}
"""
STUBBORN = """
tasks:
  - id: stubborn
    type: io.kestra.plugin.scripts.shell.Commands
    commands: ["trap '' TERM; echo started; sleep {0} & sleep {0}; sleep {0}"]
"""


def flow(folder: Path, text: str, name: str = "flow") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(f"id: {name}\nnamespace: tests.cli\n{text}\n")
    return path


def sleepers(seconds: int) -> list[int]:
    return [one.pid for one in psutil.process_iter(["cmdline"]) if one.info["cmdline"] == ["sleep", str(seconds)]]


def test_the_last_picture_is_the_tree_with_rounds_and_subflows_then_outputs_and_a_line(tmp_path: Path) -> None:
    with PseudoTerminal("run", flow(tmp_path, FAMILY), cwd=tmp_path) as terminal:
        assert terminal.end() == 0
    picture = terminal.text[terminal.text.rindex("tests.cli.flow  ") :].splitlines()
    names = [line.split("SUCCESS")[0].rstrip() for line in picture]
    assert names[:8] == [
        "tests.cli.flow",
        "└─ each",
        "   ├─ north",
        "   │  ├─ part",
        "   │  └─ call",
        "   │     └─ → child",
        "   └─ south",
        "      ├─ part",
    ]
    assert picture[1].endswith("2/2")
    assert "  answer: 42" in picture
    assert picture[-1].startswith("tests.cli.flow SUCCESS after ")
    assert "5 task runs, 2 subflows" in picture[-1]


def test_a_log_line_tells_its_task_value_and_subflow_in_the_colour_of_its_level(tmp_path: Path) -> None:
    with PseudoTerminal("run", flow(tmp_path, FAMILY), cwd=tmp_path) as terminal:
        assert terminal.end() == 0
    assert "WARN  part[north]: part north" in terminal.text
    assert "INFO  child > speak: from below" in terminal.text
    assert "\x1b[33mWARN" in terminal.seen
    assert "\x1b[32mSUCCESS" in terminal.seen


def test_no_color_is_heeded(tmp_path: Path) -> None:
    with PseudoTerminal("run", flow(tmp_path, FAMILY), cwd=tmp_path, NO_COLOR="1") as terminal:
        assert terminal.end() == 0
    assert "\x1b[33m" not in terminal.seen
    assert "\x1b[32m" not in terminal.seen


def test_no_line_of_the_tree_is_wider_than_the_terminal(tmp_path: Path) -> None:
    with PseudoTerminal("run", flow(tmp_path, FAMILY), cwd=tmp_path, size=(8, 20)) as terminal:
        assert terminal.end() == 0
    last = terminal.text[terminal.text.rindex("tests.cli.flow   ") :].partition("\n\n")[0].splitlines()
    assert len(last) == 10
    assert {len(line) for line in last} == {20}


def test_what_a_program_prints_moves_no_cursor(tmp_path: Path) -> None:
    script = "tasks: [{id: a, type: io.kestra.plugin.scripts.shell.Commands, commands: [\"printf 'x\\\\033[2Jy\\\\007z\\\\n'\"]}]"
    with PseudoTerminal("run", flow(tmp_path, script), cwd=tmp_path) as terminal:
        assert terminal.end() == 0
    assert "\x1b[2J" not in terminal.seen
    assert "\x07" not in terminal.seen
    assert "xy·z" in terminal.text


def test_what_failed_is_told_at_the_end(tmp_path: Path) -> None:
    failing = "tasks: [{id: a, type: io.kestra.plugin.core.execution.Fail, errorMessage: out of coffee}]"
    with PseudoTerminal("run", flow(tmp_path, failing), cwd=tmp_path) as terminal:
        assert terminal.end() == 1
    assert "What failed:\n  a: out of coffee\n" in terminal.text


def test_a_loop_over_many_values_shows_a_few_lines_and_how_far_it_is(tmp_path: Path) -> None:
    many = """
tasks:
  - id: each
    type: io.kestra.plugin.core.flow.ForEach
    values: "{{ range(1, 1500) }}"
    concurrencyLimit: 0
    tasks:
      - {id: say, type: io.kestra.plugin.core.log.Log, message: "item {{ taskrun.value }}"}
"""
    with PseudoTerminal("run", flow(tmp_path, many), cwd=tmp_path) as terminal:
        assert terminal.end() == 0
    assert "1500/1500" in terminal.text
    assert "… 1,488 more" in terminal.text
    assert terminal.text.count(": item ") < 700
    assert "more log lines" in terminal.text


def test_questions_are_typed_checked_and_asked_again_and_every_pause_is_answered(tmp_path: Path) -> None:
    with PseudoTerminal("run", flow(tmp_path, PAUSES), cwd=tmp_path) as terminal:
        place = terminal.wait_for("Paused at plain. Press Enter to go on.")
        terminal.type("\n")
        for question, answer in (
            ("ok (yes or no) [yes]:", "maybe"),
            ("neither yes nor no", "no"),
            ("why (STRING):", ""),
            ("missing required input", "because"),
            ("number (INT from 1 to 9):", "77"),
            ("it must be less than `9`", "7"),
            ("colour (one of red, green):", "blue"),
            ("it must match the values `[red, green]`", "red"),
            ("list (a JSON list, or values of type INT with commas between):", "1, x"),
            ("it must be an integer", "1, 2"),
            ("nothing (DATE) [nothing]:", ""),
        ):
            place = terminal.wait_for(question, after=place)
            terminal.type(f"{answer}\n")
        place = terminal.wait_for("Paused at left.", after=place)
        terminal.type("\n")
        # the order in which an execution and its subflow come to their pauses is free
        for _ in range(2):
            place = terminal.wait_for("Paused at ", after=place)
            terminal.type("\n")
        assert terminal.end() == 0
    assert "Paused at child > below, which asks for:" in terminal.text
    assert "fine (STRING)" not in terminal.text
    assert '{"ok":false,"why":"because","number":7,"colour":"red","list":[1,2]}' in "".join(terminal.text.split("\n"))


def test_a_question_ends_by_itself_when_the_pause_does(tmp_path: Path) -> None:
    pause = "tasks: [{id: p, type: io.kestra.plugin.core.flow.Pause, pauseDuration: PT1S}]"
    with PseudoTerminal("run", flow(tmp_path, pause), cwd=tmp_path) as terminal:
        terminal.wait_for("Press Enter")
        assert terminal.end() == 0


def test_a_question_that_nobody_answers_leaves_the_execution_paused(tmp_path: Path) -> None:
    with PseudoTerminal("run", flow(tmp_path, PAUSES), cwd=tmp_path) as terminal:
        terminal.wait_for("Press Enter")
        terminal.type("\x04")
        assert terminal.end() == 4
    assert "`plain` stays paused: no answer" in terminal.text


@pytest.mark.parametrize(("arguments", "code"), [((), 1), (("--timeout", "1"), 3)])
def test_a_question_gives_way_to_ctrl_c_and_to_the_timeout(tmp_path: Path, arguments: tuple[str, ...], code: int) -> None:
    with PseudoTerminal("run", flow(tmp_path, PAUSES), *arguments, cwd=tmp_path) as terminal:
        terminal.wait_for("Press Enter")
        if not arguments:
            terminal.type("\x03")
        assert terminal.end() == code
    assert "tests.cli.flow KILLED after" in terminal.text


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM", "closed", "twice"])
def test_processes_die_with_the_run_however_it_is_ended(tmp_path: Path, how: str) -> None:
    own = 10 * os.getpid()  # other test runs on this machine have sleepers of their own
    seconds = 1_000_000 + own + ["ctrl-c", "SIGTERM", "closed", "twice"].index(how)
    with PseudoTerminal("run", flow(tmp_path, STUBBORN.replace("{0}", str(seconds))), cwd=tmp_path) as terminal:
        terminal.wait_for("INFO  stubborn: started")
        match how:
            case "ctrl-c":
                terminal.type("\x03")
            case "SIGTERM":
                terminal.signal(signal.SIGTERM)
            case "closed":
                terminal.close()
            case _:
                terminal.type("\x03")
                terminal.wait_for("Ctrl-C once more leaves at once")
                terminal.type("\x03")
        assert terminal.end() == 1
    assert sleepers(seconds) == []
    if how in {"ctrl-c", "SIGTERM"}:
        assert "tests.cli.flow KILLED after" in terminal.text


def test_documentation_is_a_page_in_a_terminal(tmp_path: Path) -> None:
    with PseudoTerminal("plugin", "doc", "io.kestra.plugin.core.debug.Return", cwd=tmp_path) as terminal:
        assert terminal.end() == 0
    assert "|---|" not in terminal.text
    assert "format" in terminal.text
